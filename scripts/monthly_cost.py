"""What a month costs, for three sizes of use: the tables and the chart of docs/cost.md, written by `make pages`.

From what a run was measured to use (scripts/usage.json), the price table, and what the templates create.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filegate.dataset.registry import Registry
from filegate.deploy import load_template
from filegate.runs import prices
from filegate.runs.cost import LEDGER_WRITE_UNITS, transitions
from filegate.runs.prices import Price
from filegate.runs.record import RunRecord
from filegate.runs.run import Invocation, Usage
from filegate.runs.states import State, Status

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "cost.md"
USAGE = ROOT / "scripts" / "usage.json"
TEMPLATES = sorted((ROOT / "infra" / "cloudformation").glob("*.yaml"))

DAYS = 365 / 12
GB = 1_000_000_000
BACKUPS = 35
YEAR, STANDARD_RAW, STANDARD_PROCESSED, STAGING, LEDGER = (
    365,
    30,
    90,
    7,
    180,
)  # days that things are kept, or stay there

# What was not measured, and is assumed; the page says all of it.
S3_WAIT, LEDGER_WAIT = 0.03, 0.01  # seconds of a function's time for a request, and for a unit
COLD_START = 1.0  # seconds, charged like any other
IDLE_MINUTES = 10  # after which a function's next call is a cold start
LOG_BYTES = 3_000  # a call of a function: its own lines, Lambda's, and its metrics
TRAIL_BYTES = 1_500  # an event of the audit trail
FLOW_BYTES = 1_000  # of flow logs for a call of a function
LEDGER_ITEM = 2_000  # bytes of a run; both indexes hold it as well
KEY_USERS = 9  # functions, queue, topic, table and trail: each asks for a data key every five minutes
IMAGES_GB = 1.0  # four images, compressed, of the releases that are kept
FULL_PROCESSOR_MB = 1769  # the memory at which Lambda gives a function a whole processor
DATASETS = len(Registry(ROOT / "datasets").names())
METRICS = 4 * 2 + 1 + 10 * DATASETS  # two of each stage, one over all datasets, ten of each
WITHOUT_TAG = (prices.S3_EVENT, prices.XRAY_TRACE, prices.CLOUDTRAIL_DATA_EVENT, prices.CUSTOM_METRIC_MONTH)


@dataclass(frozen=True)
class Use:
    """So many files of so many megabytes a day, spread evenly over it."""

    name: str
    files_a_day: int
    megabytes: float

    @property
    def files(self) -> float:
        """A month."""
        return self.files_a_day * DAYS

    @property
    def cold(self) -> bool:
        """Whether a function has been put away by the time of the next file."""
        return 24 * 60 / self.files_a_day > IDLE_MINUTES

    @property
    def gb_a_day(self) -> float:
        return self.files_a_day * self.megabytes / 1000


USES = (
    Use("100 files of 1 MB a day", 100, 1),
    Use("10,000 files of 1 MB a day", 10_000, 1),
    Use("100 files of 1 GB a day", 100, 1000),
)


@dataclass(frozen=True)
class Line:
    """Something AWS charges for: how much of it a month, and at what price."""

    group: str
    what: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        return self.price.of(self.quantity)


class Run:
    """What a run of a file of a size uses: between and beyond the two sizes that were measured, in proportion."""

    def __init__(self, measured: Mapping[str, Any], megabytes: float) -> None:
        small, large = measured["runs"]
        share: float = (megabytes - small["megabytes"]) / (large["megabytes"] - small["megabytes"])

        def between(first: float, second: float) -> float:
            return max(0.0, first + share * (second - first))

        self.published_gb = between(small["published_bytes"], large["published_bytes"]) / GB
        self.published_objects = round(between(small["published_objects"], large["published_objects"]))
        self.staged_gb = between(small["staged_bytes"], large["staged_bytes"]) / GB
        self.calls: dict[str, Invocation] = {}
        for state, memory in memories().items():
            first, second = small["steps"][state], large["steps"][state]
            few, many = Counter(first["requests"]), Counter(second["requests"])
            requests = {kind: math.ceil(between(few[kind], many[kind])) for kind in {*few, *many}}
            working = between(first["cpu_seconds"], second["cpu_seconds"]) / min(1, memory / FULL_PROCESSOR_MB)
            call = Invocation.model_validate({"state": state, "seconds": 0, "memory_mb": memory, **requests})
            waiting = (call.s3_reads + call.s3_writes) * S3_WAIT + (
                call.ledger_reads + call.ledger_writes
            ) * LEDGER_WAIT
            self.calls[state] = call.model_copy(update={"seconds": working + waiting})

    def total(self, kind: str) -> float:
        """Of a field of `Invocation`, over all calls."""
        return math.fsum(getattr(call, kind) for call in self.calls.values())

    @property
    def transitions(self) -> int:
        return transitions(self.record)

    @property
    def record(self) -> RunRecord:
        """As the ledger would keep it."""
        text = dict.fromkeys(("run_id", "dataset", "bucket", "key", "version_id", "owner", "started_at"), "")
        return RunRecord(**text, status=Status.SUCCEEDED, usage=Usage(invocations=self.calls))


def lines(use: Use, measured: Mapping[str, Any]) -> list[Line]:
    """Everything that a month of this use is charged for, a year after the start."""
    run, files = Run(measured, use.megabytes), use.files
    starts = COLD_START * sum(memory for state, memory in memories().items() if state != "CommitState") / 1024
    calls = files * len(run.calls)
    trail = files * (run.total("s3_reads") + run.total("s3_writes") + 1) if "audit" in stems() else 0  # 1: the delivery
    ledger_gb = use.files_a_day * LEDGER * LEDGER_ITEM / GB
    log_gb, trail_gb = calls * (LOG_BYTES + FLOW_BYTES) / GB, trail * TRAIL_BYTES / GB
    raw, processed = use.gb_a_day, use.files_a_day * run.published_gb
    gb_seconds = run.total("gb_seconds") + (starts if use.cold else 0)
    ledger_writes = run.total("ledger_writes") + LEDGER_WRITE_UNITS  # UpdateMetadata, the state machine's own
    return [
        Line("Functions", "Functions' time", files * gb_seconds, prices.LAMBDA_GB_SECOND),
        Line("Functions", "Functions' calls", calls, prices.LAMBDA_REQUEST),
        Line("Steps and notices", "Steps of the state machine", files * run.transitions, prices.STATE_TRANSITION),
        Line("Steps and notices", "Events of arrival", files, prices.S3_EVENT),
        Line("Steps and notices", "Notices", files, prices.SNS_PUBLISH),
        Line("Requests", "S3: writing", files * run.total("s3_writes"), prices.S3_WRITE),
        Line("Requests", "S3: reading", files * run.total("s3_reads"), prices.S3_READ),
        Line("Requests", "Ledger: writing", files * ledger_writes, prices.DYNAMODB_WRITE),
        Line("Requests", "Ledger: reading", files * run.total("ledger_reads"), prices.DYNAMODB_READ),
        Line("Requests", "Key", min(files, DAYS * 24 * 12) * KEY_USERS, prices.KMS_REQUEST),
        Line("Kept data", "Raw, 30 days", raw * STANDARD_RAW, prices.S3_STANDARD_GB_MONTH),
        Line("Kept data", "Raw, archived until day 365", raw * (YEAR - STANDARD_RAW), prices.S3_GLACIER_GB_MONTH),
        Line("Kept data", "Raw, into the archive", files, prices.S3_TO_GLACIER),
        Line("Kept data", "Staging, 7 days", use.files_a_day * run.staged_gb * STAGING, prices.S3_STANDARD_GB_MONTH),
        Line("Kept data", "Processed, 90 days", processed * STANDARD_PROCESSED, prices.S3_STANDARD_GB_MONTH),
        Line(
            "Kept data",
            "Processed, the rest of the year",
            processed * (YEAR - STANDARD_PROCESSED),
            prices.S3_INFREQUENT_GB_MONTH,
        ),
        Line("Kept data", "Processed, into infrequent access", files * run.published_objects, prices.S3_TO_INFREQUENT),
        Line("Kept data", "Ledger with its indexes, 180 days", ledger_gb * 3, prices.DYNAMODB_GB_MONTH),
        Line("Kept data", "Ledger, to go back to any second", ledger_gb, prices.DYNAMODB_RECOVERY_GB_MONTH),
        Line("Kept data", f"Ledger, {BACKUPS} daily backups", ledger_gb * BACKUPS, prices.BACKUP_GB_MONTH),
        Line("Watching", "Logs, taken in", log_gb, prices.LOGS_INGESTED_GB),
        Line("Watching", "Traces", files, prices.XRAY_TRACE),
        Line("Watching", "Audit trail: events", trail, prices.CLOUDTRAIL_DATA_EVENT),
        Line("Watching", "Audit trail: in the logs", trail_gb, prices.LOGS_INGESTED_GB),
        Line("Watching", "Logs, 30 days", log_gb + trail_gb, prices.LOGS_STORED_GB_MONTH),
        *fixed(),
    ]


def fixed() -> list[Line]:
    """What is there all month, whether files come or not."""
    resources = [
        resource
        for template in templates()
        for resource in template["Resources"].values()
        if isinstance(resource, dict)  # a loop is a list: what it makes is the user's choice
    ]
    kinds = Counter(resource["Type"] for resource in resources)
    alarms = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::CloudWatch::Alarm"]
    counted = (
        ("Keys", kinds["AWS::KMS::Key"], prices.KMS_KEY_MONTH),
        ("Alarms, by the metrics they look at", sum(map(_metrics_of, alarms)), prices.ALARM_MONTH),
        ("Alarms over alarms", kinds["AWS::CloudWatch::CompositeAlarm"], prices.COMPOSITE_ALARM_MONTH),
        ("Dashboards", kinds["AWS::CloudWatch::Dashboard"], prices.DASHBOARD_MONTH),
        (f"Metrics, of {DATASETS} datasets", METRICS, prices.CUSTOM_METRIC_MONTH),
        ("Images", IMAGES_GB, prices.ECR_GB_MONTH),
    )
    return [Line("All month", what, quantity, price) for what, quantity, price in counted if quantity]


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    return sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1


@cache
def templates() -> list[dict[str, Any]]:
    return [load_template(path) for path in TEMPLATES]


def stems() -> set[str]:
    return {path.stem for path in TEMPLATES}


@cache
def memories() -> dict[str, int]:
    """MB of the function that a state calls, in the order of a run."""
    functions = load_template(ROOT / "infra/cloudformation/functions.yaml")["Resources"]
    return {
        state: functions[f"{state.stage.title()}Function"]["Properties"]["MemorySize"]
        for state in State
        if not state.is_fan_out  # the same work in several calls: beside the work itself, they cost next to nothing
    }


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(USAGE.read_text())
    return found


def tables(measured: Mapping[str, Any]) -> str:
    months = {use: lines(use, measured) for use in USES}
    return "\n".join(
        [
            f"US dollars a month, at the list prices of {prices.REGION} of {prices.READ_ON}, before free tiers and",
            f"discounts; a run's use as measured on {measured['measured_on']} ({measured['machine']}).",
            "",
            *_table("", [use.name for use in USES], _summary(months)),
            "",
            "![The same as bars](cost.svg)",
            "",
            *_lessons(months),
            "",
            "### Line by line",
            "",
            *_table("", [use.name for use in USES], _details(months)),
            "",
            "### There all month, with no file at all",
            "",
            *_table("", ["how many", "each", "a month"], _all_month()),
            "",
        ]
    )


def chart(measured: Mapping[str, Any]) -> str:
    """A bar a use, its groups side by side."""
    months = {use: _by_group(lines(use, measured)) for use in USES}
    scale = (WIDTH - 2 * MARGIN - 70) / max(sum(groups.values()) for groups in months.values())
    parts = []
    for row, (use, groups) in enumerate(months.items()):
        top, left = MARGIN + row * ROW, float(MARGIN)
        parts.append(_text(left, top + 12, use.name))
        for group, usd in groups.items():
            parts.append(
                f'<rect x="{left:.1f}" y="{top + 20}" width="{usd * scale:.1f}" height="22" fill="{COLOURS[group]}">'
                f"<title>{group}: {_usd(usd)}</title></rect>"
            )
            left += usd * scale
        parts.append(_text(left + 6, top + 36, f"${sum(groups.values()):,.0f}"))
    left, top = MARGIN, MARGIN + len(USES) * ROW + 4
    for group, colour in COLOURS.items():
        parts.append(f'<rect x="{left}" y="{top}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(left + 15, top + 9, group))
        left += 30 + 7 * len(group)
    height = top + 10 + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13">',
            "<title>What a month costs, for three sizes of use</title>",
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


WIDTH, MARGIN, ROW = 860, 20, 58
COLOURS = {
    "Functions": "#0072b2",
    "Steps and notices": "#e69f00",
    "Requests": "#56b4e9",
    "Kept data": "#009e73",
    "Watching": "#cc79a7",
    "All month": "#7f7f7f",
}


def _by_group(month: list[Line]) -> dict[str, float]:
    groups = dict.fromkeys(COLOURS, 0.0)
    for line in month:
        groups[line.group] += line.usd
    return groups


def _summary(months: Mapping[Use, list[Line]]) -> list[list[str]]:
    totals = [sum(line.usd for line in month) for month in months.values()]
    untagged = [sum(line.usd for line in month if line.price in WITHOUT_TAG) for month in months.values()]
    return [
        *([group, *(_usd(_by_group(month)[group]) for month in months.values())] for group in COLOURS),
        ["**a month**", *(f"**{_usd(total)}**" for total in totals)],
        ["of that, [without a tag](#what-bears-no-tag)", *map(_usd, untagged)],
        ["a file", *(f"{total / use.files:.5f}" for use, total in zip(months, totals, strict=True))],
        ["a GB delivered", *(_usd(total / (use.gb_a_day * DAYS)) for use, total in zip(months, totals, strict=True))],
    ]


def _lessons(months: Mapping[Use, list[Line]]) -> list[str]:
    small = {line.what: line.usd for line in months[USES[1]]}
    groups = [_by_group(month) for month in months.values()]
    steps = small["Steps of the state machine"] / sum(groups[1].values())
    processed = groups[2]["Functions"] / (USES[2].gb_a_day * DAYS)
    kept = groups[2]["Kept data"] / sum(groups[2].values())
    watched = groups[0]["All month"] / sum(groups[0].values())
    return [
        f"- **Many small files cost what is paid per item**: the steps of the state machine are {steps:.0%} of the",
        "  second column, whatever is in the files. A sender that packs ten of them into one pays a tenth of that.",
        f"- **Large files cost what is kept**: {kept:.0%} of the third column. A GB takes the functions",
        f"  {processed * 100:.2f} cents. So look at the lifecycle first: "
        "[ADR 8](adr/0008-lifecycle-or-intelligent-tiering.md).",
        f"- **A deployment with little to do costs what it is watched with**: {watched:.0%} of the first column.",
    ]


def _details(months: Mapping[Use, list[Line]]) -> list[list[str]]:
    return [
        [row[0].what, *(f"{_quantity(line.quantity)} → {_usd(line.usd)}" for line in row)]
        for row in zip(*months.values(), strict=True)
        if row[0].group != "All month"
    ]


def _all_month() -> list[list[str]]:
    found = fixed()
    rows = [
        [line.what, _quantity(line.quantity), f"{line.price.usd:.2f} for a {line.price.unit}", _usd(line.usd)]
        for line in found
    ]
    return [*rows, ["**together**", "", "", f"**{_usd(sum(line.usd for line in found))}**"]]


def _table(corner: str, headings: list[str], rows: list[list[str]]) -> list[str]:
    head = f"| {corner} | {' | '.join(headings)} |"
    return [head, "|---|" + "--:|" * len(headings), *(f"| {' | '.join(row)} |" for row in rows)]


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.005 or amount == 0 else "<0.01"


def _quantity(number: float) -> str:
    """With three digits or a little more: `4,562,500`, `12.3`, `0.07`."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="#1f2328">{words}</text>'
