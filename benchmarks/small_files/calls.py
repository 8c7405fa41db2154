"""The calls that a run's functions make: which, and what each is for."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from filegate.runs.states import State
from harness.pipeline import Drop, Pipeline
from harness.proxy import Exchange


class UnknownCall(Exception):
    """A function makes a call of which nobody has said yet what it is for."""


@dataclass(frozen=True, order=True)
class Call:
    """A call of a run: `stage` makes it, `what` tells of which object or item."""

    stage: str
    verb: str
    what: str


RUN_ID = re.compile("[0-9a-f]{64}")
OBJECTS = {
    "raw": [("", "the object")],
    "staging": [
        (r"/chunks\.json$", "chunk manifest"),
        (r"/chunks/\d+$", "re-cut chunk"),
        (r"/accepted\.json$", "accepted manifest"),
        (r"/accepted/", "accepted part"),
        (r"/output\.json$", "output manifest"),
        (r"/out/", "output part"),
    ],
    "quarantine": [(r"/manifest\.json$", "quarantine manifest"), (r"\.parquet$", "quarantine part")],
    "processed": [("/_manifests/", "published manifest"), (r"\.parquet$", "published part")],
}
ITEMS = {"SET.*#started_at": "the claim", "SET.*#lease_until": "the state", "": "what was found"}

STATE = "Who looks sees where the run is, and what was found so far; the lease is renewed."
RECUT = "Only where the object has no ranges that can be read alone: compressed, re-encoded, or one JSON array."
LONG = "Only where it is too long for the run's document: of some thirty chunks."
WHY = {
    Call("ingest", "UPDATE", "the claim"): "One run owns the object's version, however often its event comes.",
    Call("ingest", "GET", "the object"): "Its first MiB tells how it is written. Of a larger one, all of it once more.",
    Call("ingest", "PUT", "re-cut chunk"): RECUT,
    Call("ingest", "PUT", "chunk manifest"): LONG,
    Call("ingest", "UPDATE", "what was found"): "Only of a call that failed: what it used.",
    Call("validate", "UPDATE", "the state"): STATE,
    Call("validate", "GET", "chunk manifest"): LONG,
    Call("validate", "GET", "the object"): "The rows.",
    Call("validate", "GET", "re-cut chunk"): RECUT,
    Call("validate", "PUT", "accepted part"): "Rows that may be transformed.",
    Call("validate", "PUT", "quarantine part"): "Only where rows are rejected: they are kept, with their reasons.",
    Call("validate", "PUT", "quarantine manifest"): "A replay has to know these parts, and how the object was written.",
    Call("validate", "PUT", "accepted manifest"): LONG,
    Call("validate", "UPDATE", "what was found"): "Only where too many rows are rejected: no other function will tell.",
    Call("transform", "UPDATE", "the state"): STATE,
    Call("transform", "GET", "accepted manifest"): LONG,
    Call("transform", "GET", "accepted part"): "The rows.",
    Call("transform", "PUT", "output part"): "One for each partition. Nothing is published before all are written.",
    Call("transform", "PUT", "output manifest"): "Its keys hold values of rows, which the run's document must not.",
    Call("output", "GET", "output manifest"): "What to copy; and, before the commit, what to publish.",
    Call("output", "COPY", "published part"): "Publishing, on the server's side.",
    Call(
        "output", "GET", "the run"
    ): "Whether it is committed already; and if a newer version came meanwhile, at the end.",
    Call("output", "GET", "the head"): "What of this key is published.",
    Call("output", "TRANSACT", "the run, the head"): "The commit: both or neither.",
    Call("output", "PUT", "published manifest"): "From now on readers find the parts.",
}
"""Every call of a run of a small file, in its order, with the reason for it."""


def calls_of(exchanges: Iterable[Exchange], drops: Iterable[Drop], pipeline: Pipeline) -> dict[str, Counter[Call]]:
    """The calls that passed the cloud's proxy, by the run that made them.

    Raises:
        UnknownCall: one is not in `WHY`.
    """
    buckets = {pipeline.outputs[f"{name.title()}Bucket"]: name for name in OBJECTS}
    by_object = {f"{drop.bucket}/{drop.key}": drop.run_id for drop in drops}
    calls: defaultdict[str, Counter[Call]] = defaultdict(Counter)
    for exchange in exchanges:
        verb, what, place = _on_ledger(exchange) if "x-amz-target" in exchange.headers else _on_s3(exchange, buckets)
        call = Call(_stage(exchange), verb, what)
        if call not in WHY:
            raise UnknownCall(f"{call.stage}: {verb} of {what} ({place}). Say in WHY what it is for, or do without.")
        found = RUN_ID.search(place)
        calls[by_object[place] if found is None else found[0]][call] += 1
    return calls


def _stage(exchange: Exchange) -> str:
    return next(state.stage for state in State if exchange.function.endswith(state.stage))


def _on_s3(exchange: Exchange, buckets: Mapping[str, str]) -> tuple[str, str, str]:
    bucket, _, key = exchange.path.lstrip("/").partition("/")
    verb = "COPY" if "x-amz-copy-source" in exchange.headers else exchange.method
    names = OBJECTS[buckets[bucket]]
    what = next((what for pattern, what in names if re.search(pattern, key)), key)
    return verb, what, f"{bucket}/{key}"


def _on_ledger(exchange: Exchange) -> tuple[str, str, str]:
    verb = exchange.headers["x-amz-target"].partition(".")[2]
    told = json.loads(exchange.body)
    if verb == "TransactWriteItems":
        return "TRANSACT", "the run, the head", str(told["TransactItems"][0])
    kind, _, place = told["Key"]["pk"]["S"].partition("#")
    if verb == "GetItem":
        return "GET", f"the {kind}", place
    update = told["UpdateExpression"]
    return "UPDATE", next(what for pattern, what in ITEMS.items() if re.search(pattern, update)), place
