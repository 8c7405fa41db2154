"""docs/scale.md: its tables are the script's, and its words say what the script takes for granted."""

from __future__ import annotations

import pytest

from filegate.deploy import load_template
from filegate.formats.compression import MAX_TEXT_BYTES
from filegate.pipeline.fan_out import CONCURRENT_REQUESTS, RANGE_CHUNKS
from scripts.monthly_cost import COLD_START, LEDGER_WAIT, ROOT, S3_WAIT
from scripts.scale import __main__ as scale
from scripts.scale import model, page, quotas, simulation
from scripts.scale.quotas import Quota

AGAIN = "Run: python -m scripts.scale"


def test_the_tables_are_the_script_s() -> None:
    written = scale.PAGE.read_text()
    assert written == scale.with_blocks(written, page.blocks()), AGAIN


def test_the_chart_is_the_script_s() -> None:
    assert scale.CHART.read_text() == scale.chart(), AGAIN


def test_a_block_without_a_place_is_not_lost_in_silence() -> None:
    text = "<!-- computed: one -->\nold\n<!-- end -->\n"
    assert scale.with_blocks(text, {"one": ["new"]}) == "<!-- computed: one -->\nnew\n<!-- end -->\n"
    with pytest.raises(ValueError, match="places for"):
        scale.with_blocks(text, {"one": ["new"], "two": []})


def test_the_page_says_what_is_assumed() -> None:
    words = " ".join(scale.PAGE.read_text().split())
    ingest = load_template(ROOT / "infra/cloudformation/functions.yaml")["Resources"]["IngestFunction"]["Properties"]
    for assumed in (
        f"{S3_WAIT * 1000:.0f} ms for each request to S3, {LEDGER_WAIT * 1000:.0f} ms for each of the ledger's units, "
        f"{COLD_START:.0f} s for a cold start",
        f"{model.STEP_WAIT * 1000:.0f} ms for each step of the state machine",
        f"{model.ROW_BYTES} bytes of CSV a row; {model.OWN_MB} MB of its memory for a function itself",
        f"go on side by side, {CONCURRENT_REQUESTS} at once",
        f"with {model.CONCURRENCY} children of a Map at once",
        f"spreads by {simulation.SPREAD} (the standard deviation of its logarithm), and "
        f"{simulation.STRAGGLERS * 100:.0f} % of a Map's children take {simulation.SLOWER:.0f} times as long",
        f"is sent {simulation.SDK_ATTEMPTS} times",
        f"{quotas.SCALING_BURST:,} environments at once before its rate counts, Step Functions "
        f"{quotas.STARTS_BURST:,} starts",
        f"told them on {quotas.READ_ON}",
        f"each child takes {RANGE_CHUNKS} chunks",
        f"{ingest['EphemeralStorage']['Size']} MB for ingest",
        f"begins again, { {3: 'three'}[simulation.RESTARTS] } times at most",
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


def test_a_function_s_client_sends_a_throttled_request_as_often_as_assumed() -> None:
    from filegate.aws_lambda.function import AWS  # noqa: PLC0415 - a function's own, which nothing else here needs

    assert AWS.retries == {"mode": "standard", "max_attempts": simulation.SDK_ATTEMPTS - 1}


def test_a_quota_says_where_it_can_be_read_and_bears_a_name_of_its_own() -> None:
    table = [quota for quota in vars(quotas).values() if isinstance(quota, Quota)]
    assert len({quota.name for quota in table}) == len(table)
    for quota in table:
        assert quota.source.startswith("https://docs.aws.amazon.com/"), quota.name
        assert quota.value >= quota.smallest > 0, quota.name


def test_a_paragraph_s_code_is_not_cut() -> None:
    (first, *_, last) = page._paragraph("word " * 22 + "`python -m scripts.scale` and more")
    assert "`" not in first
    assert last == "`python -m scripts.scale` and more"
