"""Alarms, dashboard and saved queries: their metrics exist, and each alarm notifies and has a runbook."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from filegate.aws_lambda import observability
from filegate.cli.app import load
from filegate.errors import Throttled
from filegate.runs.run import Committed, Ingested, Invocation, Range, Request, Run, Transformed, Validated
from filegate.runs.states import State, Status
from scripts.intrinsics import Scope

RUNBOOK = Path(__file__).parents[2] / "docs" / "alarms.md"
STAGES = ("Ingest", "Validate", "Transform", "Output")
DAY = 24 * 3600

# The documented metrics of AWS's services, by their dimensions.
METRICS_OF_AWS = {
    "AWS/DynamoDB": {frozenset({"TableName", "Operation"}): {"SystemErrors", "ThrottledRequests"}},
    "AWS/Events": {frozenset({"RuleName"}): {"FailedInvocations", "InvocationsFailedToBeSentToDlq"}},
    "AWS/Lambda": {frozenset({"FunctionName"}): {"ConcurrentExecutions", "Duration", "Errors", "Throttles"}},
    "AWS/SQS": {frozenset({"QueueName"}): {"ApproximateNumberOfMessagesVisible"}},
    "AWS/States": {
        frozenset({"StateMachineArn"}): {
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsStarted",
            "ExecutionsSucceeded",
            "ExecutionsTimedOut",
            "ExecutionThrottled",
        }
    },
}

RUN = Run(run_id="r1", execution="e1", request=Request(bucket="raw", key="flights/a.csv", version_id="v1"))
VALIDATED = Validated(
    verdict="VALID",
    rows_in=7,
    rows_accepted=6,
    rows_rejected=1,
    share_of_tolerance=0.5,
    rules={"carrier:isin": 1},
    message="",
    manifest="",
    quarantine="",
)
FOUND = {
    "IngestState": RUN.with_ingested(Ingested(claim="CLAIMED", rows=7, bytes=90, chunks=1)),
    "ValidateState": RUN.with_validated(VALIDATED),
    "CommitState": RUN.model_copy(
        update={
            "transformed": Transformed(rows_out=6, rows_deduplicated=0, bytes_out=400, parts=1, manifest=""),
            "committed": Committed(
                status=Status.PARTIAL, output="", run_seconds=9.5, age_seconds=61.25, cost_usd=0.0005
            ),
        }
    ),
}

Metrics = dict[str, dict[frozenset[str], set[str]]]
Resources = dict[str, Any]
Widget = dict[str, Any]


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == f"AWS::{kind}"}


@pytest.fixture(scope="session")
def alarms(resources: Resources) -> dict[str, Any]:
    """The properties of each alarm, by its logical id."""
    return of_type(resources, "CloudWatch::Alarm")


@pytest.fixture(scope="session")
def watched(alarms: dict[str, Any]) -> dict[str, Any]:
    """The alarms that exist in every environment."""
    return {name: alarm for name, alarm in alarms.items() if not name.startswith("Overdue")}


@pytest.fixture(scope="session")
def body(templates: dict[str, Any]) -> str:
    """The dashboard's body, with parameters replaced by their names."""
    template = templates["dashboard"]
    scope = Scope(
        pseudo={"AWS::Partition": "aws", "AWS::Region": "here", "AWS::AccountId": "1"},
        parameters={name: name for name in template["Parameters"]},
        resources={},
        outputs={},
        conditions={},
        zones=list,
    )
    return str(scope.resolve(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]))


@pytest.fixture(scope="session")
def widgets(body: str) -> list[Widget]:
    return list(json.loads(body)["widgets"])


@dataclass(frozen=True)
class Written:
    """What functions wrote: log lines and metrics."""

    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]


@pytest.fixture(scope="session")
def written() -> Written:
    """The output of a successful and of a failed run."""
    lines, metrics = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(metrics):
        patch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Filegate")
        patch.setenv("POWERTOOLS_SERVICE_NAME", "stage")
        patch.setattr(observability, "_memory_used_percent", lambda _: 41.5)
        patch.setattr(observability.logger.registered_handler, "stream", lines)
        for state, run in FOUND.items():
            observability.begin(RUN, State(state))
            observability.end(RUN, run, Invocation(state=state, seconds=1.5, memory_mb=512))
        observability.begin(RUN.with_range(Range(index=7)), State.VALIDATE_RANGE)
        observability.fail(RUN, Invocation(state="CommitState", seconds=1.5, memory_mb=512), Throttled("too fast"))
        observability.logger.remove_keys(["run_id", "dataset", "state", "execution", "environment", "range"])
    return Written(
        [*map(json.loads, lines.getvalue().splitlines())], [*map(json.loads, metrics.getvalue().splitlines())]
    )


@pytest.fixture(scope="session")
def metrics(written: Written) -> Metrics:
    """All metrics: namespace → names of dimensions → names of metrics."""
    own: dict[frozenset[str], set[str]] = {}
    for record in written.metrics:
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]:
            own.setdefault(frozenset(dimensions), set()).update(metric["Name"] for metric in directive["Metrics"])
    return {**METRICS_OF_AWS, "Filegate": own}


# --- Alarms ---


def test_every_alarm_watches_an_existing_metric(alarms: dict[str, Any], metrics: Metrics) -> None:
    for name, alarm in alarms.items():
        dimensions = frozenset(dimension["Name"] for dimension in alarm["Dimensions"])
        assert alarm["MetricName"] in metrics[alarm["Namespace"]][dimensions], name


def test_no_filter_keeps_alarms_from_the_alerts_address(resources: Resources) -> None:
    """A filter on attributes never matches a message without attributes."""
    (subscription,) = of_type(resources, "SNS::Subscription").values()
    assert "FilterPolicy" not in subscription


def test_every_alarm_notifies_and_links_to_its_runbook(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "AlertsTopicArn"}], name
        assert alarm.get("OKActions") in (None, [{"Ref": "AlertsTopicArn"}]), name
        assert re.fullmatch(r"[A-Z].+\. .+\. Runbook: docs/alarms\.md#[a-z-]+", alarm["AlarmDescription"]), name


def test_missing_data_is_breaching_only_for_overdue_files(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        expected = "breaching" if name.startswith("Overdue") else "notBreaching"
        assert alarm["TreatMissingData"] == expected, name


def test_no_two_alarms_watch_the_same_metric(alarms: dict[str, Any]) -> None:
    seen = [
        json.dumps([alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"]], sort_keys=True)
        for alarm in alarms.values()
    ]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_is_watched_for_errors_throttles_time_and_memory(
    resources: Resources, watched: dict[str, Any], stage: str
) -> None:
    by_function = [{"Name": "FunctionName", "Value": {"Ref": f"{stage}Function"}}]
    by_stage = [{"Name": "environment", "Value": {"Ref": "Environment"}}, {"Name": "service", "Value": stage.lower()}]
    for what, dimensions in {
        "Errors": by_function,
        "Throttles": by_function,
        "Duration": by_function,
        "Memory": by_stage,
    }.items():
        alarm = watched[f"{stage}{what}"]
        assert alarm["AlarmName"] == {"Fn::Sub": f"filegate-${{Environment}}-{stage.lower()}-{what.lower()}"}
        assert alarm["Dimensions"] == dimensions
    variables = resources[f"{stage}Function"]["Properties"]["Environment"]["Variables"]
    assert variables["FILEGATE_ENVIRONMENT"] == {"Ref": "Environment"}
    assert variables["POWERTOOLS_SERVICE_NAME"] == stage.lower()
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Filegate"


@pytest.mark.parametrize("stage", STAGES)
def test_the_duration_alarm_fires_at_four_fifths_of_the_timeout(
    resources: Resources, watched: dict[str, Any], stage: str
) -> None:
    seconds = resources[f"{stage}Function"]["Properties"]["Timeout"]
    assert watched[f"{stage}Duration"]["Threshold"] == seconds * 1000 * 0.8


def test_throttling_alarms_fire_soon_but_not_for_a_burst(watched: dict[str, Any]) -> None:
    """A run retries for about a minute: a state after 2, 4 and 8 s, and three restarts of the run."""
    retry_seconds = 4 * (2 + 4 + 8)
    for name in ("LedgerThrottled", "LedgerErrors", *(f"{stage}Throttles" for stage in STAGES)):
        assert retry_seconds < watched[name]["DatapointsToAlarm"] * watched[name]["Period"] <= 5 * 60, name


def test_rejects_at_the_tolerance_are_tolerated(watched: dict[str, Any]) -> None:
    alarm = watched["RejectsOverTolerance"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 1)


@pytest.mark.parametrize("rule", ["ObjectCreatedRule", "EndedUnreportedRule", "EndedRule"])
def test_every_rule_is_watched_for_lost_events(resources: Resources, watched: dict[str, Any], rule: str) -> None:
    assert resources[rule]["Type"] == "AWS::Events::Rule"
    metrics = [alarm["MetricName"] for alarm in watched.values() if alarm["Dimensions"][0]["Value"] == {"Ref": rule}]
    assert "FailedInvocations" in metrics
    with_queue = any("DeadLetterConfig" in target for target in resources[rule]["Properties"]["Targets"])
    assert ("InvocationsFailedToBeSentToDlq" in metrics) == with_queue


def test_no_rule_is_left_unwatched(resources: Resources, watched: dict[str, Any]) -> None:
    dimensions = [alarm["Dimensions"][0] for alarm in watched.values()]
    watched_rules = {dimension["Value"]["Ref"] for dimension in dimensions if dimension["Name"] == "RuleName"}
    assert watched_rules == set(of_type(resources, "Events::Rule"))


def test_the_composite_alarm_covers_all_others(resources: Resources, watched: dict[str, Any]) -> None:
    (over,) = of_type(resources, "CloudWatch::CompositeAlarm").values()
    assert re.findall(r'ALARM\("\$\{(\w+)\.Arn\}"\)', over["AlarmRule"]["Fn::Sub"]) == list(watched)
    assert re.sub(r'ALARM\("[^"]+"\)', "", over["AlarmRule"]["Fn::Sub"]).split() == ["OR"] * (len(watched) - 1)


# --- Freshness ---


def test_an_overdue_alarm_evaluates_up_to_seven_days(resources: Resources, templates: dict[str, Any]) -> None:
    """An alarm evaluates seven days if the period is an hour or more, otherwise one day."""
    identifier, collection, _ = templates["freshness"]["Resources"]["Fn::ForEach::Overdue"]
    (alarm,) = (item["Properties"] for name, item in resources.items() if name.startswith("Overdue"))
    assert collection == {"Ref": "Due"}
    assert alarm["Period"] == 3600
    scope = Scope(
        pseudo={},
        parameters={identifier: "bank_statements:168", "Environment": "dev"},
        resources={},
        outputs={},
        conditions={},
        zones=list,
    )
    assert int(scope.resolve(alarm["EvaluationPeriods"])) * alarm["Period"] == 7 * DAY
    assert scope.resolve(alarm["AlarmName"]) == "filegate-dev-overdue-bank_statements-168h"
    assert scope.resolve(alarm["Dimensions"])[-1] == {"Name": "dataset", "Value": "bank_statements"}


# --- Runbooks ---


def sections(text: str) -> dict[str, str]:
    """Each section of the runbook by its heading."""
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {heading: rest for heading, _, rest in (part.partition("\n") for part in parts)}


def headings(resources: Resources) -> set[str]:
    """The expected section headings: one per alarm, and one for the alarms that all four functions have."""
    names = [
        str(item["AlarmName"]["Fn::Sub"])
        for kind in ("CloudWatch::Alarm", "CloudWatch::CompositeAlarm")
        for item in of_type(resources, kind).values()
    ]
    slugs = {re.search(r"filegate-\$\{Environment\}-([\w${}-]+)", name)[1] for name in names}  # type: ignore[index]
    stages = "|".join(stage.lower() for stage in STAGES)
    slugs = {re.sub(f"^({stages})-", "stage-", slug) for slug in slugs}
    return {slug.replace("${DatasetAndHours}h", "DATASET-HOURSh") for slug in slugs}


def incomplete(text: str, resources: Resources) -> list[str]:
    """The runbook's missing, superfluous and incomplete sections."""
    found, wanted = sections(text), headings(resources)
    problems = [f"no alarm is named {heading}" for heading in sorted(set(found) - wanted)]
    problems += [f"{heading} has no section" for heading in sorted(wanted - set(found))]
    problems += [
        f"{heading} lacks {part}"
        for heading, section in found.items()
        for part in ("Meaning", "Check", "Fix", "Silence")
        if f"**{part}.**" not in section
    ]
    anchors = {heading.lower() for heading in found}
    for kind in ("CloudWatch::Alarm", "CloudWatch::CompositeAlarm"):
        for name, item in of_type(resources, kind).items():
            anchor = item["AlarmDescription"].rpartition("#")[2]
            if anchor not in anchors:
                problems.append(f"{name} links to a missing section: {anchor}")
    return problems


def test_alarms_and_runbook_sections_match(resources: Resources) -> None:
    assert incomplete(RUNBOOK.read_text(), resources) == []


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("## dlq-not-empty\n", "## dlq-is-full\n", "no alarm is named dlq-is-full"),
        ("## dlq-not-empty\n", "### dlq-not-empty\n", "dlq-not-empty has no section"),
        ("## stage-memory\n", "## stage-memories\n", "ValidateMemory links to a missing section: stage-memory"),
        ("**Fix.** Ask the sender. The", "Ask the sender. The", "overdue-DATASET-HOURSh lacks Fix"),
    ],
)
def test_an_outdated_runbook_is_detected(resources: Resources, was: str, becomes: str, problem: str) -> None:
    text = RUNBOOK.read_text()
    assert text.count(was) == 1
    assert problem in incomplete(text.replace(was, becomes), resources)


def test_every_stage_s_alarm_is_named_in_the_section_for_all_four(watched: dict[str, Any]) -> None:
    found = sections(RUNBOOK.read_text())
    for stage, what in itertools.product(STAGES, ("errors", "throttles", "duration", "memory")):
        assert f"`{stage.lower()}-{what}`" in found[f"stage-{what}"]


OF_AWS_CLI_ALONE = {("configure", "get"): set(), ("s3", "cp"): {"metadata-directive"}, ("s3", "ls"): {"recursive"}}


def test_the_runbook_s_aws_commands_exist() -> None:
    """By the SDK's operations and parameters, for each command in a line."""
    session = botocore.session.get_session()
    found = 0
    for line in RUNBOOK.read_text().replace("\\\n", " ").splitlines():
        known = {"query", "output"}
        commands = re.findall(r"\baws ([a-z0-9]+) ([a-z0-9-]+)", line)
        for service, command in commands:
            if (service, command) in OF_AWS_CLI_ALONE:
                known |= OF_AWS_CLI_ALONE[service, command]
                continue
            model = session.get_service_model(service.removesuffix("api"))  # s3api: the API, not the tool
            operations = {xform_name(name, "-"): name for name in model.operation_names}
            shape = model.operation_model(operations[command]).input_shape
            assert shape is not None
            known |= {xform_name(name, "-") for name in shape.members}
        if commands:
            assert set(re.findall(r"--([a-z-]+)", line)) <= known, line
        found += len(commands)
    assert found > 10


def test_the_runbook_s_filegate_commands_exist() -> None:
    text = RUNBOOK.read_text()
    commands = re.findall(r"`(filegate [^`]+)`", text) + re.findall(r"^(filegate .+)$", text, re.MULTILINE)
    assert len(commands) > 10
    for line in commands:
        _, name, *words = line.split()
        command: Any = load(name)
        while words and (inner := getattr(command, "commands", {}).get(words[0])):
            command, words = inner, words[1:]
        assert not hasattr(command, "commands"), line
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


# --- Dashboard ---


def test_the_dashboard_is_within_aws_s_limits(body: str, widgets: list[Widget]) -> None:
    assert len(widgets) <= 500
    assert len(body.encode()) < 1_000_000


def test_widgets_fill_the_grid(widgets: list[Widget]) -> None:
    assert overlapping(widgets) == []
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24, widget


def test_overlapping_widgets_are_detected(widgets: list[Widget]) -> None:
    first, second, *rest = widgets
    assert overlapping([first, {**second, "x": second["x"] - 1}, *rest])


def overlapping(widgets: list[Widget]) -> list[tuple[Widget, Widget]]:
    return [
        (one, other)
        for one, other in itertools.combinations(widgets, 2)
        if one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    ]


def test_the_dashboard_shows_existing_metrics(widgets: list[Widget], metrics: Metrics) -> None:
    shown = [*metrics_of(widgets)]
    assert {namespace for namespace, _, _ in shown} == {"AWS/Lambda", "AWS/States", "Filegate"}
    for namespace, dimensions, metric in shown:
        assert metric in metrics[namespace][dimensions], metric


def test_a_missing_metric_is_detected(widgets: list[Widget], metrics: Metrics) -> None:
    changed = json.loads(json.dumps(widgets).replace("rows_rejected", "rows_refused"))
    by_dataset = frozenset({"environment", "service", "dataset"})
    assert ("Filegate", by_dataset, "rows_refused") in metrics_of(changed)
    assert "rows_refused" not in metrics["Filegate"][by_dataset]


SEARCH = re.compile(r"SEARCH\('\{([\w/,]+)\} environment=\"Environment\" MetricName=\"(\w+)\"', '(\w+)', \d+\)")


def metrics_of(widgets: list[Widget]) -> Iterator[tuple[str, frozenset[str], str]]:
    """Namespace, dimensions and name of each metric shown, including those in search expressions."""
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                if found := SEARCH.fullmatch(metric[0]["expression"]):
                    namespace, *dimensions = found[1].split(",")
                    yield namespace, frozenset(dimensions), found[2]
                else:  # arithmetic over metrics of the same widget
                    ids = {other[-1]["id"] for other in widget["properties"]["metrics"] if len(other) > 1}
                    assert set(re.findall(r"[a-z]\w*", metric[0]["expression"])) <= ids
            else:
                namespace, name, *pairs = (part for part in metric if isinstance(part, str))
                yield namespace, frozenset(pairs[::2]), name


@pytest.mark.parametrize("stage", STAGES)
def test_gb_seconds_are_counted_with_the_function_s_memory(
    resources: Resources, widgets: list[Widget], stage: str
) -> None:
    megabytes = resources[f"{stage}Function"]["Properties"]["MemorySize"]
    expression = f"{stage.lower()} / 1000 * {megabytes} / 1024"
    assert expression in json.dumps(widgets)


def test_the_dashboard_shows_every_alarm(templates: dict[str, Any], watched: dict[str, Any], body: str) -> None:
    separator, arns = templates["monitoring"]["Outputs"]["AlarmArns"]["Value"]["Fn::Join"]
    assert arns == [{"Fn::GetAtt": [name, "Arn"]} for name in watched]
    assert json.loads(f'["{separator.join("ab")}"]') == ["a", "b"]
    assert '"alarms": ["AlarmArns"]' in body
    assert "alarm:filegate-Environment-unhealthy" in body


# --- Saved queries ---

ASKED = {"ErrorsByRun", "SlowestRuns", "RejectedRulesByDataset", "OneRun", "ColdStartsAndMemory"}


def test_every_log_query_is_saved(resources: Resources, templates: dict[str, Any]) -> None:
    queries = of_type(resources, "Logs::QueryDefinition")
    assert set(queries) == ASKED
    logged = {item["LogGroupName"]["Fn::Sub"] for item in of_type(resources, "Logs::LogGroup").values()}
    for name, query in queries.items():
        for group in query["LogGroupNames"]:
            stage = re.fullmatch(r"/aws/lambda/\$\{(\w+)Function\}", group["Fn::Sub"])
            assert stage, name
            assert f"/aws/lambda/filegate-${{Environment}}-{stage[1].lower()}" in logged


QUERY_WORDS = {
    "and",
    "as",
    "asc",
    "by",
    "desc",
    "display",
    "fields",
    "filter",
    "into",
    "like",
    "limit",
    "not",
    "or",
    "sort",
    "stats",
    "unnest",
}


def test_the_saved_queries_use_logged_fields(resources: Resources, written: Written) -> None:
    logged = {key for line in written.lines for key in line}
    asked = set()
    for query in of_type(resources, "Logs::QueryDefinition").values():
        text = re.sub(r"#.*|/[^/]*/|\"[^\"]*\"", "", query["QueryString"])
        named = {name for _, name in re.findall(r"\b(as|into) (\w+)", text)}
        asked |= set(re.findall(r"(?<![@.\w])[a-z]\w*\b(?!\()", text)) - named - QUERY_WORDS
    assert {"error_type", "rules", "seconds"} <= asked <= logged
    (found,) = (line["rules"] for line in written.lines if "rules" in line)
    assert found == [{"rule": "carrier:isin", "rows": 1}]


def test_the_query_for_one_run_excludes_its_ranges(resources: Resources) -> None:
    """The number of a query's results is limited, and each range writes two lines without any problem."""
    query = of_type(resources, "Logs::QueryDefinition")["OneRun"]["QueryString"]
    assert 'and (not ispresent(range) or level != "INFO")' in query
    assert "state, range," in query


def test_the_runbook_lists_the_saved_queries(resources: Resources) -> None:
    text = RUNBOOK.read_text()
    for query in of_type(resources, "Logs::QueryDefinition").values():
        assert f"`{query['Name']['Fn::Sub'].removeprefix('filegate-${Environment}-')}`" in text
