"""AWS Security Hub's controls: the templates meet them, and each rule fails on a broken template.

What a rule is worth shows on a template that was broken on purpose: each is tried on each resource that it is about.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from scripts.controls import CONTROLS, Control, Excepted
from scripts.deployment import PRODUCTION, Deployment, Resource, Template, declared, load_templates, parameters_of

TEMPLATES = load_templates()
DEPLOYMENT = Deployment(TEMPLATES, PRODUCTION)
BY_ID = {control.id: control for control in CONTROLS}
ASKED_FOR = {
    "S3": (1, 2, 3, 5, 6, 8, 9, 12, 13, 17),
    "Lambda": (1, 2, 3, 5, 7),
    "DynamoDB": (1, 2, 4, 6),
    "SQS": (1, 3),
    "SNS": (1, 4),
    "EventBridge": (3,),
    "KMS": (1, 2, 3, 4, 5),
    "StepFunctions": (1,),
    "ECR": (1, 2, 3, 5),
    "CloudTrail": (1, 2, 4, 5, 6),
    "IAM": (1, 2, 21),
    "EC2": (2, 6, 10, 15, 18, 19, 21, 172),
}

Templates = dict[str, Template]
Break = Callable[[Templates, Resource], None]


def body(templates: Templates, resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = templates[resource.template]["Resources"][resource.id]
    return found


def properties(templates: Templates, resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = body(templates, resource)["Properties"]
    return found


def without(name: str) -> Break:
    def break_(templates: Templates, resource: Resource) -> None:
        del properties(templates, resource)[name]

    return break_


def setting(name: str, value: Any) -> Break:
    def break_(templates: Templates, resource: Resource) -> None:
        properties(templates, resource)[name] = value

    return break_


def adding(id_: str, type_: str, **given: Any) -> Break:
    """Add a resource beside the given one; "SELF" in its properties is replaced by that one's id."""

    def break_(templates: Templates, resource: Resource) -> None:
        filled = {
            key: {"Ref": resource.id} if value == "SELF" else [{"Ref": resource.id}] if value == ["SELF"] else value
            for key, value in given.items()
        }
        templates[resource.template]["Resources"][id_] = {"Type": type_, "Properties": filled}

    return break_


def open_to_all(type_: str, attribute: str, target: Any, *actions: str) -> Break:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": [*actions], "Resource": "*"}
    return adding("Opened", type_, **{attribute: target, "PolicyDocument": {"Statement": [statement]}})


def granting(action: str) -> Break:
    def break_(templates: Templates, resource: Resource) -> None:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        holder = properties(templates, resource)
        if resource.type == "AWS::IAM::ManagedPolicy":
            holder["PolicyDocument"]["Statement"].append(statement)
        else:
            holder.setdefault("Policies", []).append({"PolicyName": "x", "PolicyDocument": {"Statement": [statement]}})

    return break_


def as_administrator(templates: Templates, holder: Resource) -> None:
    if holder.type == "AWS::IAM::Role":
        properties(templates, holder)["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    else:
        granting("*")(templates, holder)


def known_to_everybody(templates: Templates, key: Resource) -> None:
    opened = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    properties(templates, key)["KeyPolicy"]["Statement"].append(opened)


def forgotten_with_its_stack(templates: Templates, key: Resource) -> None:
    body(templates, key)["DeletionPolicy"] = "Delete"


def plain_http_to_its_objects(templates: Templates, bucket: Resource) -> None:
    """The policy still refuses it, but for the bucket only."""
    for template in templates.values():
        for policy in declared(template).values():
            if policy["Type"] == "AWS::S3::BucketPolicy":
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                    statement["Resource"] = {"Fn::GetAtt": [bucket.id, "Arn"]}


def removing(*types: str) -> Break:
    def break_(templates: Templates, resource: Resource) -> None:
        for template in templates.values():
            for name, found in declared(template).items():
                if found["Type"] in types:
                    del template["Resources"][name]

    return break_


def in_one_zone(templates: Templates, resource: Resource) -> None:
    for template in templates.values():
        for found in declared(template).values():
            if found["Type"] == "AWS::EC2::Subnet":
                found["Properties"]["AvailabilityZone"] = "here"


def of_reads_only(templates: Templates, trail: Resource) -> None:
    trail_properties = properties(templates, trail)
    trail_properties.pop("AdvancedEventSelectors", None)
    trail_properties["EventSelectors"] = [{"ReadWriteType": "ReadOnly"}]


def with_an_open_bucket(templates: Templates, trail: Resource) -> None:
    bucket = DEPLOYMENT.referred(trail.properties["S3BucketName"])
    assert bucket is not None
    del properties(templates, bucket)["PublicAccessBlockConfiguration"]


def with_an_open_port(port: int) -> Break:
    def break_(templates: Templates, group: Resource) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "0.0.0.0/0"}
        if group.type == "AWS::EC2::SecurityGroup":
            properties(templates, group)["SecurityGroupIngress"] = [rule]
        else:
            properties(templates, group).update(rule)

    return break_


def in_use_by_a_function(templates: Templates, vpc: Resource) -> None:
    group = {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {"GroupId": {"Fn::GetAtt": [vpc.id, "DefaultSecurityGroup"]}},
    }
    templates[vpc.template]["Resources"]["Opened"] = group


def letting_remote_desktop_in(templates: Templates, entry: Resource) -> None:
    rule = {"RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 1024, "To": 65535}}
    properties(templates, entry).update(rule)


HALF_BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
TWO_KINDS = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
ON_A_BUCKET = ("AWS::S3::BucketPolicy", "Bucket", "SELF")

# Control → ways to break its resources, or the reason why it is not applicable.
BREAKS: dict[str, list[Break]] = {
    "S3.1": [without("PublicAccessBlockConfiguration"), setting("PublicAccessBlockConfiguration", HALF_BLOCKED)],
    "S3.2": [open_to_all(*ON_A_BUCKET, "s3:Get*"), setting("AccessControl", "PublicRead")],
    "S3.3": [open_to_all(*ON_A_BUCKET, "s3:*"), setting("AccessControl", "PublicReadWrite")],
    "S3.5": [removing("AWS::S3::BucketPolicy"), plain_http_to_its_objects],
    "S3.6": [open_to_all(*ON_A_BUCKET, "s3:PutBucketPolicy"), open_to_all(*ON_A_BUCKET, "*")],
    "S3.8": [without("PublicAccessBlockConfiguration"), setting("PublicAccessBlockConfiguration", HALF_BLOCKED)],
    "S3.9": [without("LoggingConfiguration"), setting("LoggingConfiguration", {"DestinationBucketName": "elsewhere"})],
    "S3.12": [
        without("OwnershipControls"),
        setting("OwnershipControls", {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    ],
    "S3.13": [
        without("LifecycleConfiguration"),
        setting("LifecycleConfiguration", {"Rules": [{"Status": "Disabled"}]}),
    ],
    "S3.17": [
        without("BucketEncryption"),
        setting("BucketEncryption", {"ServerSideEncryptionConfiguration": TWO_KINDS}),
        removing("AWS::KMS::Key"),
    ],
    "Lambda.1": [adding("Anybody", "AWS::Lambda::Permission", FunctionName="SELF", Principal="*")],
    "Lambda.2": [setting("PackageType", "Zip"), setting("Runtime", "python3.8")],
    "Lambda.3": [without("VpcConfig"), removing("AWS::EC2::Subnet")],
    "Lambda.5": [in_one_zone, without("VpcConfig")],
    "Lambda.7": [without("TracingConfig"), setting("TracingConfig", {"Mode": "PassThrough"})],
    "DynamoDB.1": [setting("BillingMode", "PROVISIONED"), without("BillingMode")],
    "DynamoDB.2": [
        without("PointInTimeRecoverySpecification"),
        setting("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False}),
    ],
    "DynamoDB.4": [removing("AWS::Backup::BackupSelection"), removing("AWS::Backup::BackupPlan")],
    "DynamoDB.6": [without("DeletionProtectionEnabled"), setting("DeletionProtectionEnabled", False)],
    "SQS.1": [without("KmsMasterKeyId"), setting("KmsMasterKeyId", "alias/aws/sqs")],
    "SQS.3": [open_to_all("AWS::SQS::QueuePolicy", "Queues", ["SELF"], "sqs:SendMessage")],
    "SNS.1": [without("KmsMasterKeyId"), setting("KmsMasterKeyId", "alias/aws/sns")],
    "SNS.4": [open_to_all("AWS::SNS::TopicPolicy", "Topics", ["SELF"], "sns:Subscribe")],
    "EventBridge.3": [],
    "KMS.1": [granting("kms:Decrypt"), granting("kms:ReEncrypt*"), granting("*")],
    "KMS.2": [granting("kms:Decrypt"), granting("kms:*"), granting("*")],
    "KMS.3": [forgotten_with_its_stack, setting("PendingWindowInDays", 7)],
    "KMS.4": [without("EnableKeyRotation"), setting("EnableKeyRotation", False)],
    "KMS.5": [known_to_everybody],
    "StepFunctions.1": [without("LoggingConfiguration"), setting("LoggingConfiguration", {"Level": "OFF"})],
    "ECR.1": [without("ImageScanningConfiguration"), setting("ImageScanningConfiguration", {"ScanOnPush": False})],
    "ECR.2": [without("ImageTagMutability"), setting("ImageTagMutability", "MUTABLE")],
    "ECR.3": [without("LifecyclePolicy")],
    "ECR.5": [without("EncryptionConfiguration"), setting("EncryptionConfiguration", {"EncryptionType": "AES256"})],
    "CloudTrail.1": [setting("IsMultiRegionTrail", False), setting("IsLogging", False), of_reads_only],
    "CloudTrail.2": [without("KMSKeyId")],
    "CloudTrail.4": [without("EnableLogFileValidation"), setting("EnableLogFileValidation", False)],
    "CloudTrail.5": [without("CloudWatchLogsLogGroupArn"), without("CloudWatchLogsRoleArn")],
    "CloudTrail.6": [with_an_open_bucket],
    "IAM.1": [granting("*"), as_administrator],
    "IAM.2": [],
    "IAM.21": [granting("s3:*"), granting("*")],
    "EC2.2": [in_use_by_a_function],
    "EC2.6": [removing("AWS::EC2::FlowLog")],
    "EC2.10": [granting("ec2:DescribeInstances")],
    "EC2.15": [setting("MapPublicIpOnLaunch", True)],
    "EC2.18": [with_an_open_port(443)],
    "EC2.19": [with_an_open_port(22), with_an_open_port(3389)],
    "EC2.21": [letting_remote_desktop_in],
    "EC2.172": [],
}
# Controls that are not applicable without a resource of a type → a resource of that type.
FOREIGN = [(control, type_) for control, breaks in BREAKS.items() if not breaks for type_ in BY_ID[control].types]


def verdict(control: Control, templates: Templates, resource: Resource) -> bool | Excepted:
    found = control.findings(Deployment(templates, PRODUCTION))
    return next(finding.verdict for finding in found if str(finding.resource) == str(resource))


def cases() -> list[Any]:
    return [
        pytest.param(control, break_, finding.resource, id=f"{control.id}-{finding.resource}-{number}")
        for control in CONTROLS
        for finding in control.findings(DEPLOYMENT)
        if finding.verdict is True
        for number, break_ in enumerate(BREAKS[control.id])
        # EC2.10 is about the permissions of a function's role.
        if control.id != "EC2.10" or "lambda.amazonaws.com" in str(finding.resource.properties)
    ]


def test_every_required_control_exists() -> None:
    asked_for = [f"{service}.{number}" for service, numbers in ASKED_FOR.items() for number in numbers]
    assert [control.id for control in CONTROLS] == list(BREAKS) == asked_for


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_the_templates_meet_the_control(control: Control) -> None:
    failed = [str(finding.resource) for finding in control.findings(DEPLOYMENT) if finding.verdict is False]
    assert failed == []
    assert control.outcome(DEPLOYMENT) == ("not applicable" if control.not_applicable else "passed")


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_other_environments_lack_only_backups_and_a_trail(environment: str) -> None:
    deployment = Deployment(TEMPLATES, parameters_of(environment))
    failed = [control.id for control in CONTROLS if control.outcome(deployment) == "FAILED"]
    assert failed == ["DynamoDB.4", "DynamoDB.6", "KMS.3", *(f"CloudTrail.{number}" for number in (1, 2, 4, 5, 6))]


@pytest.mark.parametrize(("control", "break_", "resource"), cases())
def test_the_rule_fails_on_a_template_broken_on_purpose(control: Control, break_: Break, resource: Resource) -> None:
    templates = copy.deepcopy(TEMPLATES)
    break_(templates, resource)
    assert verdict(control, templates, resource) is False
    assert control.outcome(Deployment(templates, PRODUCTION)) == "FAILED"


@pytest.mark.parametrize(("control", "type_"), FOREIGN)
def test_a_control_becomes_applicable_with_the_first_resource_of_its_kind(control: str, type_: str) -> None:
    assert BY_ID[control].not_applicable
    templates = copy.deepcopy(TEMPLATES)
    templates["storage"]["Resources"]["Foreign"] = {"Type": type_, "Properties": {}}
    assert BY_ID[control].outcome(Deployment(templates, PRODUCTION)) == "FAILED"


@pytest.mark.parametrize("control", [control for control in CONTROLS if not control.not_applicable], ids=lambda c: c.id)
def test_a_control_without_resources_fails(control: Control) -> None:
    templates = copy.deepcopy(TEMPLATES)
    removing(*control.types)(templates, DEPLOYMENT.resources[0])
    assert control.outcome(Deployment(templates, PRODUCTION)) == "FAILED"


def test_exceptions_are_few_and_reasoned() -> None:
    excepted = [
        (control.id, str(finding.resource))
        for control in CONTROLS
        for finding in control.findings(DEPLOYMENT)
        if isinstance(finding.verdict, Excepted)
    ]
    assert excepted == [
        ("S3.9", "storage/AccessLogBucket"),
        ("S3.9", "registry/ArtifactsLogBucket"),
        ("S3.17", "storage/AccessLogBucket"),
        ("S3.17", "registry/ArtifactsLogBucket"),
        ("KMS.1", "registry/DeployDataPolicy"),
        ("KMS.1", "registry/Boundary"),
    ]
