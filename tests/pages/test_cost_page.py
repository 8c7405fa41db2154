"""docs/cost.md says what the measurement, the price table and the templates come to."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from filegate.cli.cost import NOT_BY_TAG
from filegate.deploy import load_template
from filegate.runs import prices
from filegate.runs.cost import cost_usd
from filegate.runs.prices import Price
from filegate.storage.ledger import RETENTION
from scripts import monthly_cost
from scripts.monthly_cost import PAGE, USES, Run, Use, lines, memories

MEASURED = monthly_cost.measured()
OWN = ("AWS::BCM::Dashboard", "AWS::Budgets::Budget", "AWS::CE::AnomalyMonitor", "AWS::CE::CostCategory")


def by_name(use: Use) -> dict[str, float]:
    return {line.what: line.usd for line in lines(use, MEASURED)}


def test_the_page_says_what_is_assumed() -> None:
    page = " ".join(PAGE.read_text().split())
    for assumed in (
        f"{monthly_cost.S3_WAIT * 1000:.0f} ms of a function's time for each request to S3",
        f"{monthly_cost.LEDGER_WAIT * 1000:.0f} ms for each of the ledger's units",
        f"{monthly_cost.COLD_START:.0f} s for a cold start",
        f"{monthly_cost.LOG_BYTES // 1000} KB of logs (what the embedded cloud shows)",
        f"{monthly_cost.FLOW_BYTES // 1000} KB of flow logs for each call of a function",
        f"{monthly_cost.TRAIL_BYTES / 1000} KB for each event of the audit trail",
        f"{monthly_cost.LEDGER_ITEM // 1000} KB for each run in the ledger",
        f"{monthly_cost.FULL_PROCESSOR_MB:,} MB is a whole",
        f"{ {9: 'nine'}[monthly_cost.KEY_USERS] } users of the key",
        f"more than { {10: 'ten'}[monthly_cost.IDLE_MINUTES] } minutes apart",
    ):
        assert assumed in page


@pytest.mark.parametrize("measured", MEASURED["runs"], ids=lambda run: f"{run['megabytes']:.0f} MB")
def test_at_a_size_that_was_measured_a_run_uses_what_was_measured(measured: dict[str, Any]) -> None:
    run = Run(MEASURED, measured["megabytes"])
    for state, memory in memories().items():
        step, call = measured["steps"][state], run.calls[state]
        assert call.model_dump(include=set(step["requests"])) == step["requests"]
        waiting = (call.s3_reads + call.s3_writes) * monthly_cost.S3_WAIT
        waiting += (call.ledger_reads + call.ledger_writes) * monthly_cost.LEDGER_WAIT
        assert call.seconds - waiting == pytest.approx(step["cpu_seconds"] * 1769 / memory)
    assert run.published_gb * 1e9 == pytest.approx(measured["published_bytes"])
    assert run.staged_gb * 1e9 == pytest.approx(measured["staged_bytes"])


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_the_page_and_the_estimate_of_a_run_agree(use: Use) -> None:
    """But for cold starts, and for what is not a run's own."""
    own = ("Functions' time", "Functions' calls", "Steps of the state machine", "S3: writing", "S3: reading")
    warm = replace(use, files_a_day=10_000)
    month = by_name(warm)
    more = ("Events of arrival", "Notices", "Ledger: writing", "Ledger: reading")
    page = sum(month[what] for what in (*own, *more)) / warm.files
    assert cost_usd(Run(MEASURED, use.megabytes).record) == pytest.approx(page, rel=0.03)


def test_a_month_of_twice_the_files_costs_twice_what_files_cost() -> None:
    once = Use("", 1_000, 1)
    twice = by_name(replace(once, files_a_day=2_000))
    fixed = {line.what for line in monthly_cost.fixed()} | {"Key"}  # asked for as often as it can be already
    for what, usd in by_name(once).items():
        assert twice[what] == pytest.approx(usd if what in fixed else 2 * usd), what


def test_seldom_files_find_the_functions_cold() -> None:
    seldom, often = Use("", 100, 1), Use("", 10_000, 1)
    assert (seldom.cold, often.cold) == (True, False)
    assert by_name(seldom)["Functions' time"] / 100 > by_name(often)["Functions' time"] / 10_000


def test_things_are_kept_as_long_as_the_templates_say() -> None:
    storage = next(path for path in monthly_cost.TEMPLATES if path.stem == "storage")
    resources = load_template(storage)["Resources"]
    (rule,) = resources["LedgerBackupPlan"]["Properties"]["BackupPlan"]["BackupPlanRule"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == monthly_cost.BACKUPS
    raw, *_ = resources["RawBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (raw["Transitions"][0]["TransitionInDays"], raw["ExpirationInDays"]) == (
        monthly_cost.STANDARD_RAW,
        monthly_cost.YEAR,
    )
    staging, *_ = resources["StagingBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert staging["ExpirationInDays"] == monthly_cost.STAGING
    assert timedelta(days=monthly_cost.LEDGER) == RETENTION


def test_metrics_are_those_that_the_operating_guide_lists() -> None:
    guide = (monthly_cost.ROOT / "docs/operating.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", guide.split("| metric | of |")[1], re.MULTILINE)
    kinds = {"dataset": monthly_cost.DATASETS, "each stage": 4, "over all": 1}
    counted = sum(number * len(names.split(",")) for names, of in rows for kind, number in kinds.items() if kind in of)
    assert counted == monthly_cost.METRICS


def test_no_environment_s_budget_is_spent_by_being_there() -> None:
    main = next(path for path in monthly_cost.TEMPLATES if path.stem == "main")
    default = load_template(main)["Parameters"]["MonthlyBudget"]["Default"]
    idle = sum(line.usd for line in monthly_cost.fixed())
    environments = [file for file in (main.parent / "parameters").glob("*.json") if file.stem != "registry"]
    assert len(environments) == 3
    for file in environments:
        budget = float(json.loads(file.read_text())["Parameters"].get("MonthlyBudget", default))
        assert 0.8 * budget > idle, file.name


def test_a_run_is_one_trace_as_its_state_machine_has_one() -> None:
    pipeline = next(path for path in monthly_cost.TEMPLATES if path.stem == "pipeline")
    resources = load_template(pipeline)["Resources"].values()
    (machine,) = (one["Properties"] for one in resources if one["Type"] == "AWS::StepFunctions::StateMachine")
    assert machine["TracingConfiguration"] == {"Enabled": True}
    (traces,) = (line for line in lines(USES[0], MEASURED) if line.price == prices.XRAY_TRACE)
    assert traces.quantity == USES[0].files


def test_the_page_and_the_command_name_what_no_tag_tells() -> None:
    """Half of the small bill is such."""
    section = PAGE.read_text().split("### What bears no tag")[1].split("###")[0]
    for named in ("events of the audit trail", "custom metrics", "traces", "events of arrival"):
        assert f"\n| {named} |" in section
    for named in ("custom metrics", "traces", "the trail's events"):
        assert named in NOT_BY_TAG
    month = lines(USES[0], MEASURED)
    untagged = math.fsum(line.usd for line in month if line.price in monthly_cost.WITHOUT_TAG)
    assert 0.4 < untagged / math.fsum(line.usd for line in month) < 0.6


def test_a_line_s_price_is_one_of_the_table() -> None:
    table = [value for value in vars(prices).values() if isinstance(value, Price)]
    for line in lines(USES[0], MEASURED):
        assert line.price in table


def test_the_page_names_the_regions_that_have_all_types() -> None:
    """As far as cfn-lint's copies of their schemas know; those for one government or community aside."""
    everywhere = {region for region in REGIONS if all(_has(kind, region) for kind in OWN)}
    listed = re.search(r"CloudFormation has all of these in(.*?)\.\n", PAGE.read_text(), re.DOTALL)
    assert listed is not None
    named = set(re.findall(r"[a-z]+-[a-z]+(?:-[a-z]+)?-\d", listed[1]))
    assert named == {region for region in everywhere if not re.match(r"(us|eu)-iso", region)}


def _has(kind: str, region: str) -> bool:
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind)
    except ResourceNotFoundError:
        return False
    return True
