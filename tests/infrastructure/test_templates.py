"""The templates are valid, consistent, and fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner

from filegate.devcloud.dropped import LOCALSTACK, MINISTACK, UNKNOWN_TO_MINISTACK
from tests.deployed_stack.resources import NOT_CREATED, NOT_SHOWN

DIRECTORY = Path(__file__).parents[2] / "infra" / "cloudformation"
PATHS = sorted(DIRECTORY.glob("*.yaml"))
ORDER = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Conditions",
    "Resources",
    "Outputs",
]
# CloudFormation does not support tags on these.
UNTAGGED = {
    "AWS::Backup::BackupSelection",
    "AWS::KMS::Alias",
    "AWS::EC2::NetworkAclEntry",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
# Properties that are not a resource's name, or have another form.
NAMED_OTHERWISE = {"AliasName", "DisplayName", "MetricName", "ServiceName"}

each_template = pytest.mark.parametrize("stem", [path.stem for path in PATHS])


def test_cfn_lint_finds_nothing() -> None:
    assert [str(match) for match in Runner(ConfigMixIn([*map(str, PATHS)])).run()] == []


@each_template
def test_a_template_s_sections_are_in_order(templates: dict[str, Any], stem: str) -> None:
    sections = list(templates[stem])
    assert sections == sorted(sections, key=ORDER.index)


@each_template
def test_every_parameter_is_described_and_restricted(templates: dict[str, Any], stem: str) -> None:
    for name, parameter in templates[stem]["Parameters"].items():
        assert parameter.get("Description"), name
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter), name


@each_template
def test_every_parameter_is_in_a_group(templates: dict[str, Any], stem: str) -> None:
    groups = templates[stem]["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(templates[stem]["Parameters"])


def test_parameters_of_the_same_name_are_declared_alike(templates: dict[str, Any]) -> None:
    declared: dict[str, Any] = {}
    for stem, template in templates.items():
        for name, parameter in template["Parameters"].items():
            rules = {key: value for key, value in parameter.items() if key != "Description"}
            assert declared.setdefault(name, rules) == rules, f"{name} in {stem}.yaml"


def test_what_can_be_tagged_is_tagged_for_cost_allocation(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        if resource["Type"] not in UNTAGGED:
            (tags,) = (value for key, value in resource["Properties"].items() if key.endswith("Tags"))
            keys = set(tags) if isinstance(tags, dict) else {tag["Key"] for tag in tags}
            assert keys == {"Project", "Environment", "Component"}, name


def test_names_begin_with_filegate_and_the_environment(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        for key, value in resource["Properties"].items():
            given = key.endswith("Name") and key not in NAMED_OTHERWISE
            if given and isinstance(value, dict) and "Ref" not in value:
                assert "filegate-${Environment}-" in str(value["Fn::Sub"]), name


def test_bucket_names_are_unique_over_all_accounts(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        if resource["Type"] == "AWS::S3::Bucket":
            assert resource["Properties"]["BucketName"]["Fn::Sub"].endswith("-${AWS::AccountId}"), name


def test_every_nested_template_is_nested_and_gets_all_its_parameters(templates: dict[str, Any]) -> None:
    nested = {resource["Properties"]["TemplateURL"]: resource for resource in templates["main"]["Resources"].values()}
    assert {f"{stem}.yaml" for stem in templates if stem not in ("main", "registry")} == set(nested)
    for url, resource in nested.items():
        assert set(resource["Properties"]["Parameters"]) == set(templates[Path(url).stem]["Parameters"]), url


def test_nested_stacks_refer_to_outputs_that_exist(templates: dict[str, Any]) -> None:
    main = templates["main"]
    files = {name: Path(resource["Properties"]["TemplateURL"]).stem for name, resource in main["Resources"].items()}
    values = [output["Value"] for output in main["Outputs"].values()]
    values += [value for item in main["Resources"].values() for value in item["Properties"]["Parameters"].values()]
    for value in values:
        for stack, attribute in re.findall(r'"Fn::GetAtt": \["(\w+)", "([\w.]+)"\]', json.dumps(value)):
            assert attribute.removeprefix("Outputs.") in templates[files[stack]]["Outputs"], value


def test_the_main_stack_has_the_outputs_that_clients_need(templates: dict[str, Any]) -> None:
    assert {
        "RawBucket",
        "StagingBucket",
        "ProcessedBucket",
        "QuarantineBucket",
        "LedgerTable",
        "DlqUrl",
        "AlertsTopicArn",
        "StateMachineArn",
        "IngestFunction",
        "ValidateFunction",
        "TransformFunction",
        "OutputFunction",
    } <= set(templates["main"]["Outputs"])


def test_every_substitution_of_the_state_machine_is_defined_and_used(templates: dict[str, Any]) -> None:
    machine = templates["pipeline"]["Resources"]["StateMachine"]["Properties"]
    definition = (DIRECTORY / machine["DefinitionS3Location"]).read_text()
    used = set(re.findall(r"\$\{(\w+)\}", definition))
    assert used == set(machine["DefinitionSubstitutions"])


def test_exceptions_of_local_clouds_are_those_that_the_templates_need(templates: dict[str, Any]) -> None:
    """An exception of a local cloud must be removed when no template uses it any more."""
    used: dict[str, set[str]] = {}
    for template in templates.values():
        for entry, found in template["Resources"].items():
            for item in found[2].values() if entry.startswith("Fn::ForEach::") else [found]:
                used.setdefault(item["Type"], set()).update(item["Properties"])
    dropped = {(kind, name) for table in (MINISTACK, LOCALSTACK) for kind, names in table.items() for name in names}
    assert UNKNOWN_TO_MINISTACK <= set(NOT_CREATED) <= set(used)
    assert [(kind, name) for kind, name in {*NOT_SHOWN, *dropped} if name not in used[kind]] == []
