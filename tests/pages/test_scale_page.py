"""docs/scale.md: its words say what its tables assume."""

from __future__ import annotations

import pytest

from filegate.deploy import load_template
from filegate.formats.compression import MAX_TEXT_BYTES
from filegate.pipeline.fan_out import CONCURRENT_REQUESTS, RANGE_CHUNKS
from scripts.monthly_cost import COLD_START, LEDGER_WAIT, ROOT, S3_WAIT
from scripts.scale import model, page, quotas
from scripts.scale.quotas import Quota

PAGE = ROOT / "docs" / "scale.md"


def test_the_page_says_what_is_assumed() -> None:
    words = " ".join(PAGE.read_text().split())
    ingest = load_template(ROOT / "infra/cloudformation/functions.yaml")["Resources"]["IngestFunction"]["Properties"]
    for assumed in (
        f"{S3_WAIT * 1000:.0f} ms for each request to S3, {LEDGER_WAIT * 1000:.0f} ms for each of the ledger's units, "
        f"{COLD_START:.0f} s for a cold start",
        f"{model.STEP_WAIT * 1000:.0f} ms for each step of the state machine",
        f"{model.ROW_BYTES} bytes of CSV a row; {model.OWN_MB} MB of its memory for a function itself",
        f"go on side by side, {CONCURRENT_REQUESTS} at once",
        f"with {model.CONCURRENCY} children of a Map at once",
        f"had them on {quotas.READ_ON}",
        f"each child takes {RANGE_CHUNKS} chunks",
        f"{ingest['EphemeralStorage']['Size']} MB for ingest",
    ):
        assert assumed in words


def test_the_first_wall_is_the_one_that_the_page_explains() -> None:
    assert model.walls(page.USED, concurrency=model.CONCURRENCY, keys=False)[0].step == "ingest"


def test_both_maps_have_as_many_children_at_once_and_as_long() -> None:
    states = model.STATE_MACHINE["States"]
    for name, child in (("ValidateMap", "ValidateRange"), ("TransformMap", "TransformRange")):
        assert states[name]["MaxConcurrency"] == model.CONCURRENCY
        task = states[name]["ItemProcessor"]["States"][child]
        assert model.CHILD_SECONDS < task["TimeoutSeconds"] < quotas.EXPRESS_SECONDS.value / 2


def test_what_ingest_does_not_get_through_is_refused() -> None:
    first = model.walls(page.USED, concurrency=model.CONCURRENCY, keys=False)[0]
    assert first.step == "ingest"
    assert first.megabytes * 1e6 == pytest.approx(MAX_TEXT_BYTES, rel=0.1)


def test_a_quota_says_where_it_can_be_read_and_bears_a_name_of_its_own() -> None:
    table = [quota for quota in vars(quotas).values() if isinstance(quota, Quota)]
    assert len({quota.name for quota in table}) == len(table)
    for quota in table:
        assert quota.source.startswith("https://docs.aws.amazon.com/"), quota.name
        assert quota.value >= quota.smallest > 0, quota.name


def test_a_paragraph_s_code_is_not_cut() -> None:
    first, *_, last = page._paragraph("word " * 22 + "`python -m scripts.scale` and more").splitlines()
    assert "`" not in first
    assert last == "`python -m scripts.scale` and more"
