"""C5: the registry for images and templates, and the deploy role."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

Template = dict[str, Any]

STAGES = ("Ingest", "Validate", "Transform", "Output")
THROUGH_CLOUDFORMATION = {"aws:CalledVia": "cloudformation.amazonaws.com"}
LONGEST = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
    "GitHubEnvironment": "production123456",
}
# Statements for all resources, with the reason.
EVERY_RESOURCE = {
    "LogInToRegistry": "a log-in is to no repository",
    "ReadTemplates": "the template has no stack yet",
    "FindNetwork": "EC2 lists take no resource",
    "FindPayer": "there is but one organisation to describe",
    "BackupPlans": "plans get their ids when they are created",
    "Cost": "monitors, categories and dashboards get their ids when they are created",
    "LookAtNetwork": "EC2 lists take no resource",
    "NewKey": "keys get their ids when they are created",
    "RefuseImports": "the denial applies to all resources",
    "LogDeliveriesAndQueries": "deliveries have no ARNs, queries get their ids when they are created",
}
OWN = {"aws:ResourceTag/Project": "filegate", "aws:ResourceTag/Environment": {"Ref": "GitHubEnvironment"}}
# Actions in the types' schemas for properties that the templates do not use, and others that are not needed.
UNUSED = re.compile(
    r"""
    (autoscaling|billing|elasticfilesystem|firehose|kinesis|organizations|s3files|s3tables|vpc-lattice|vpce):.*
    | backup-storage:Mount # no such actions
    | s3:(REST\.PUT\.OBJECT|DeleteBucket(Encryption|Lifecycle)|PutObjectLockConfiguration)
    | backup:(Put|Delete)BackupVault(AccessPolicy|LockConfiguration|Notifications)
    | ce:Get(CostAndUsage|Reservation\w+|SavingsPlans\w+)
    | cloudformation:(Get|Set)StackPolicy
    | cloudtrail:Put(EventConfiguration|InsightSelectors)
    | dynamodb:(BatchWriteItem|DeleteItem|GetItem|PutItem|Query|Scan|UpdateItem) # no access to rows
    | dynamodb:(DescribeImport|ImportTable|AssociateTableReplica|CreateTableReplica|UpdateContributorInsights)
    | dynamodb:((Put|Delete)ResourcePolicy|(Disable|Enable|Update)KinesisStreamingDestination)
    | ec2:(Associate|Disassociate)SubnetCidrBlock | ec2:(CreateVpcEncryptionControl|DescribeInstances|ModifyVpcTenancy)
    | ec2:(AuthorizeSecurityGroupIngress|UpdateSecurityGroupRuleDescriptionsIngress)
    | iam:((Attach|Detach)RolePolicy|DeleteRolePermissionsBoundary)
    | lambda:(AssociateRuntimeAlias|PassCapacityProvider|PublishVersion|(Put|Delete)FunctionCodeSigningConfig)
    | lambda:Put(FunctionRecursionConfig|FunctionScalingConfig|RuntimeManagementConfig)
    | logs:((Put|Delete)(DataProtection|Index)Policy|PutBearerTokenAuthentication|PutLogGroupDeletionProtection)
    | logs:(CreateLogStream|PutLogEvents)
    | s3:(DeleteObject|GetObject\w*|PutObjectAcl) # no access to objects
    | s3:(Create|Update|Delete)Bucket(Metadata|Analytics|Cors|Metrics|Replication|Website)\w*
    | s3:Put(Accelerate|Analytics|Inventory|Metrics|Replication)Configuration
    | s3:PutBucket(Abac|Acl|CORS|Replication|Website)
    | sns:PutDataProtectionPolicy
    """,
    re.VERBOSE,
)


@pytest.fixture(scope="module")
def registry(templates: dict[str, Template]) -> Template:
    return templates["registry"]["Resources"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resources_of(template: Template) -> Iterator[dict[str, Any]]:
    """Including those in `Fn::ForEach`."""
    pending = list(template["Resources"].items())
    while pending:
        name, resource = pending.pop()
        if name.startswith("Fn::ForEach::"):
            pending += resource[2].items()
        else:
            yield resource


@pytest.fixture(scope="module")
def policies(registry: Template) -> dict[str, list[dict[str, Any]]]:
    """The statements of the policies for CloudFormation's calls."""
    return {
        name: resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in registry.items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy" and name != "Boundary"
    }


@pytest.fixture(scope="module")
def boundary(registry: Template) -> list[dict[str, Any]]:
    return registry["Boundary"]["Properties"]["PolicyDocument"]["Statement"]


@pytest.fixture(scope="module")
def direct(registry: Template) -> list[dict[str, Any]]:
    (policy,) = registry["DeployRole"]["Properties"]["Policies"]
    return policy["PolicyDocument"]["Statement"]


def filled_in(value: Any) -> str:
    """JSON with each placeholder replaced by its longest value."""
    text = re.sub(r'\{"Fn::Sub":("[^"]*")\}', r"\1", json.dumps(value, separators=(",", ":")))
    return re.sub(r"\$\{([\w:]+)\}", lambda match: LONGEST[match[1]], text).strip('"')


@pytest.mark.parametrize("stage", STAGES)
def test_c5_every_stage_has_a_repository_of_its_own(registry: Template, stage: str) -> None:
    repository = registry[f"{stage}Repository"]["Properties"]
    assert repository["RepositoryName"] == f"filegate/{stage.lower()}"
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    key = {"Fn::GetAtt": ["RegistryKey", "Arn"]}
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": key}


def test_c5_images_without_a_tag_and_all_but_the_latest_expire(registry: Template) -> None:
    text = registry["IngestRepository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"]
    untagged, surplus = json.loads(text.replace("${KeptImages}", "100"))["rules"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert surplus["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100}


def test_c5_only_functions_of_this_account_pull_images(registry: Template) -> None:
    (statement,) = registry["IngestRepository"]["Properties"]["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Action"] == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert source == "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:filegate-*"


@pytest.mark.parametrize("bucket", ["ArtifactsBucket", "ArtifactsLogBucket"])
def test_c5_buckets_are_private_versioned_and_cleaned_up(registry: Template, bucket: str) -> None:
    settings = registry[bucket]["Properties"]
    assert set(settings["PublicAccessBlockConfiguration"].values()) == {True}
    assert settings["VersioningConfiguration"] == {"Status": "Enabled"}
    assert any("AbortIncompleteMultipartUpload" in rule for rule in settings["LifecycleConfiguration"]["Rules"])
    sids = {item["Sid"] for item in registry[f"{bucket}Policy"]["Properties"]["PolicyDocument"]["Statement"]}
    assert {"RefusePlainHttp", "RefuseOtherAccounts"} <= sids


def test_c5_templates_are_encrypted_with_the_registry_s_key(registry: Template) -> None:
    (rule,) = registry["ArtifactsBucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": ["RegistryKey", "Arn"]}
    assert registry["RegistryKey"]["Properties"]["EnableKeyRotation"] is True


def test_what_can_be_tagged_is_tagged_for_cost_allocation(registry: Template) -> None:
    for name, resource in registry.items():
        if resource["Type"] not in ("AWS::IAM::ManagedPolicy", "AWS::KMS::Alias", "AWS::S3::BucketPolicy"):
            keys = {tag["Key"] for tag in resource["Properties"]["Tags"]}
            assert keys == {"Project", "Environment", "Component"}, name


def test_images_and_templates_outlive_the_stack(registry: Template) -> None:
    for name, resource in registry.items():
        if resource["Type"] in ("AWS::ECR::Repository", "AWS::KMS::Key", "AWS::S3::Bucket"):
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == {"Ref": "DataOnDelete"}, name


def test_only_jobs_of_one_repository_in_one_environment_deploy(registry: Template) -> None:
    (trust,) = registry["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {
                "Fn::Sub": "repo:${GitHubRepository}:environment:${GitHubEnvironment}"
            },
        }
    }


def test_there_is_no_deploy_role_without_a_repository(registry: Template) -> None:
    for name, resource in registry.items():
        if resource["Type"].startswith("AWS::IAM::"):
            assert resource["Condition"] in ("DeploysFromGitHub", "NeedsProvider"), name


def test_the_deploy_role_changes_resources_only_through_cloudformation(
    policies: dict[str, Any], direct: list[Any]
) -> None:
    for statements in policies.values():
        for statement in statements:
            assert statement["Condition"]["ForAnyValue:StringEquals"] == THROUGH_CLOUDFORMATION, statement["Sid"]
    services = {action.split(":")[0] for statement in direct for action in listed(statement["Action"])}
    assert services == {"cloudformation", "ec2", "ecr", "kms", "organizations", "s3"}


def test_the_deploy_role_has_no_wildcards_without_a_reason(policies: dict[str, Any], direct: list[Any]) -> None:
    for statement in [item for statements in policies.values() for item in statements] + direct:
        assert not any("*" in action for action in listed(statement["Action"])), statement["Sid"]
        assert ("*" in listed(statement["Resource"])) is (statement["Sid"] in EVERY_RESOURCE), statement["Sid"]


def test_the_deploy_role_cannot_change_itself(policies: dict[str, Any], registry: Template) -> None:
    role = registry["DeployRole"]["Properties"]
    own = f"arn:aws-us-gov:iam::123456789012:role{role['Path']}{filled_in(role['RoleName'])}"
    for statement in [item for statements in policies.values() for item in statements]:
        if any(action.startswith("iam:") for action in listed(statement["Action"])):
            for resource in listed(statement["Resource"]):
                assert not fnmatchcase(own, filled_in(resource)), statement["Sid"]


def test_created_roles_need_the_boundary(policies: dict[str, Any]) -> None:
    bounded = next(item for items in policies.values() for item in items if item["Sid"] == "RolesWithinTheirBoundary")
    assert set(bounded["Action"]) == {"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
    assert bounded["Condition"]["StringEquals"] == {
        "iam:PermissionsBoundary": {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "Boundary"}]
        }
    }
    elsewhere = [
        action
        for items in policies.values()
        for item in items
        if item is not bounded
        for action in listed(item["Action"])
    ]
    assert not set(bounded["Action"]) & set(elsewhere)


def test_the_boundary_allows_what_the_roles_need_and_no_more(
    resources: dict[str, Any], boundary: list[dict[str, Any]]
) -> None:
    needed = {
        action
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"]["Policies"]
        for entry in policy["PolicyDocument"]["Statement"]
        for action in listed((entry["Fn::If"][1] if "Fn::If" in entry else entry)["Action"])
    }
    assert needed == {action for statement in boundary for action in listed(statement["Action"])}
    for statement in boundary:
        own = all("filegate-${GitHubEnvironment}-" in str(resource) for resource in listed(statement["Resource"]))
        assert own or statement["Sid"] in ("Key", "TracesAndLogDeliveries", "JoinNetwork"), statement["Sid"]
    assert {item["Sid"]: item["Condition"] for item in boundary if "Condition" in item} == {
        "Key": {"StringEquals": OWN},
        "JoinNetwork": {"Null": {"lambda:SourceFunctionArn": "true"}},  # as in the roles themselves
    }


def test_the_deploy_role_cannot_delete_stacks_or_import_resources(direct: list[Any]) -> None:
    risky = {"cloudformation:DeleteStack", "cloudformation:UpdateTerminationProtection"}
    (nested,) = (item for item in direct if risky & set(listed(item["Action"])))
    assert nested["Condition"] == {"ForAnyValue:StringEquals": THROUGH_CLOUDFORMATION}
    assert nested["Resource"]["Fn::Sub"].endswith("stack/filegate-${GitHubEnvironment}-*/*")  # not the main stack
    (refused,) = (item for item in direct if item["Effect"] == "Deny")
    assert refused["Action"] == "cloudformation:CreateChangeSet"
    assert refused["Condition"] == {"ForAnyValue:StringLike": {"cloudformation:ImportResourceTypes": "*"}}


def test_keys_and_networks_of_others_are_not_deleted(policies: dict[str, Any]) -> None:
    for statement in (item for items in policies.values() for item in items):
        for action in listed(statement["Action"]):
            if re.match(r"ec2:Delete|kms:(Disable|PutKeyPolicy|Schedule|Untag)", action):
                assert statement["Condition"]["StringEquals"] == OWN, action


def test_policies_are_within_iam_s_size_limit(policies: dict[str, Any], boundary: list[dict[str, Any]]) -> None:
    for name, statements in {**policies, "Boundary": boundary}.items():
        assert len(filled_in({"Version": "2012-10-17", "Statement": statements})) <= 6144, name


def test_the_template_is_short_enough_for_a_first_deployment(templates: dict[str, Template]) -> None:
    """It is sent inline, as there is no bucket for it yet."""
    assert len(json.dumps(templates["registry"])) <= 51_200


def test_cloudformation_has_the_permissions_that_the_templates_need_and_no_more(
    templates: dict[str, Template], policies: dict[str, Any], direct: list[Any]
) -> None:
    """According to its resource schemas; fails with the needed permissions when a type is added."""

    def actions(statements: list[dict[str, Any]]) -> set[str]:
        return {action for statement in statements for action in listed(statement["Action"])}

    needed: dict[str, str] = {}
    for stem, template in templates.items():
        for resource in resources_of(template) if stem != "registry" else ():
            handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema["handlers"]
            for kind in ("create", "read", "update", "delete"):
                for action in handlers.get(kind, {}).get("permissions", ()):
                    service, _, name = action.partition(":")
                    needed[f"{service.lower()}:{name}"] = resource["Type"]  # the trail's are spelt CloudTrail:…
    used = {action: kind for action, kind in needed.items() if not UNUSED.fullmatch(action)}
    through = actions([item for statements in policies.values() for item in statements])
    assert {action: kind for action, kind in used.items() if action not in through | actions(direct)} == {}
    assert through - set(used) == set()
