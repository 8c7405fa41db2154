"""Write the properties that a local CloudFormation drops, through the services' own APIs.

Both local clouds report a stack as complete although they ignored part of what its templates ask for. The two tables
have what each of them ignores in a local deployment; `tests/deployed_stack` compares every property with its template.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from filegate.devcloud.stack import Resource, resources

if TYPE_CHECKING:
    import boto3

Dropped = Mapping[str, Collection[str]]  # names of properties by resource type

MINISTACK: Dropped = {
    "AWS::DynamoDB::Table": {"PointInTimeRecoverySpecification", "SSESpecification", "TimeToLiveSpecification"},
    "AWS::Lambda::Function": {"KmsKeyArn"},
    "AWS::S3::Bucket": {"BucketEncryption", "LifecycleConfiguration", "LoggingConfiguration", "Tags"},
    "AWS::SNS::Topic": {"KmsMasterKeyId"},
    "AWS::StepFunctions::StateMachine": {"LoggingConfiguration"},
}
LOCALSTACK: Dropped = {
    "AWS::CloudWatch::Alarm": {"Tags"},
    "AWS::CloudWatch::CompositeAlarm": {"Tags"},
    "AWS::CloudWatch::Dashboard": {"DashboardBody", "DashboardName"},
    "AWS::DynamoDB::Table": {"PointInTimeRecoverySpecification"},
    "AWS::Events::Rule": {"Tags"},
    "AWS::Lambda::Function": {"EphemeralStorage"},
    "AWS::Logs::LogGroup": {"KmsKeyId", "RetentionInDays", "Tags"},
    "AWS::S3::Bucket": {"BucketEncryption", "LifecycleConfiguration", "LoggingConfiguration"},
    "AWS::StepFunctions::StateMachine": {"Tags"},
}


# Resource types that ministack's CloudFormation does not know, and for which it would refuse a whole template, whether
# the template's conditions ask for such a resource or not. It only records them.
UNKNOWN_TO_MINISTACK = frozenset(
    {
        "AWS::BCM::Dashboard",
        "AWS::Backup::BackupSelection",
        "AWS::Budgets::Budget",
        "AWS::CE::AnomalyMonitor",
        "AWS::CE::AnomalySubscription",
        "AWS::CE::CostCategory",
        "AWS::CloudTrail::Trail",
        "AWS::EC2::FlowLog",
        "AWS::EC2::NetworkAcl",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::IAM::OIDCProvider",
        "AWS::Logs::QueryDefinition",
    }
)


def write_dropped(session: boto3.Session, stack_name: str, dropped: Dropped) -> None:
    """Write these properties of the stack's resources, and of those of its nested stacks, as the templates have them.

    Raises:
        UnresolvedValue: such a property uses an intrinsic function, or refers to something, that is not known here.
        ClientError: the cloud refuses a value.
    """
    client = functools.cache(session.client)
    for resource in resources(session, stack_name, dropped):
        _WRITERS[resource.type](client, resource, resource.properties)


_Client = Callable[[Any], Any]  # boto3's is typed by literal names
_Values = Mapping[str, Any]


def _renamed(values: _Values, **names: str) -> dict[str, Any]:
    """The values under the names that the service's API has for these properties."""
    return {names.get(name, name): value for name, value in values.items()}


def _write_tags(client: _Client, resource: Resource, values: _Values, service: str) -> None:
    client(service).tag_resource(ResourceARN=resource.arn, Tags=values["Tags"])


def _write_dashboard(client: _Client, _: Resource, values: _Values) -> None:
    client("cloudwatch").put_dashboard(**values)


def _write_table(client: _Client, table: Resource, values: _Values) -> None:
    dynamodb = client("dynamodb")
    if backups := values.get("PointInTimeRecoverySpecification"):
        dynamodb.update_continuous_backups(TableName=table.id, PointInTimeRecoverySpecification=backups)
    if expiry := values.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=table.id, TimeToLiveSpecification=expiry)
    if encryption := values.get("SSESpecification"):
        dynamodb.update_table(TableName=table.id, SSESpecification=_renamed(encryption, SSEEnabled="Enabled"))


def _write_function(client: _Client, function: Resource, values: _Values) -> None:
    updated = client("lambda").get_waiter("function_updated_v2")  # an update during another one is refused
    updated.wait(FunctionName=function.id, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    settings = _renamed(values, KmsKeyArn="KMSKeyArn")
    client("lambda").update_function_configuration(FunctionName=function.id, **settings)


def _write_log_group(client: _Client, group: Resource, values: _Values) -> None:
    """LocalStack encrypts and tags a log group only while it creates it: one that is not encrypted is created again."""
    logs = client("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=group.id)["logGroups"]
    if any(item["logGroupName"] == group.id and item.get("kmsKeyId") == values["KmsKeyId"] for item in found):
        return
    tags = {tag["Key"]: tag["Value"] for tag in values["Tags"]}
    logs.delete_log_group(logGroupName=group.id)
    logs.create_log_group(logGroupName=group.id, kmsKeyId=values["KmsKeyId"], tags=tags)
    logs.put_retention_policy(logGroupName=group.id, retentionInDays=int(values["RetentionInDays"]))


def _write_bucket(client: _Client, bucket: Resource, values: _Values) -> None:
    s3 = client("s3")
    if encryption := values.get("BucketEncryption"):
        name = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
        rules = [_renamed(rule, **name) for rule in encryption["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=bucket.id, ServerSideEncryptionConfiguration={"Rules": rules})
    if lifecycle := values.get("LifecycleConfiguration"):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=bucket.id, LifecycleConfiguration={"Rules": rules})
    if logging := values.get("LoggingConfiguration"):
        target = _renamed(logging, DestinationBucketName="TargetBucket", LogFilePrefix="TargetPrefix")
        s3.put_bucket_logging(Bucket=bucket.id, BucketLoggingStatus={"LoggingEnabled": target})
    if tags := values.get("Tags"):
        s3.put_bucket_tagging(Bucket=bucket.id, Tagging={"TagSet": tags})


def _lifecycle_rule(template: _Values) -> dict[str, Any]:
    """A rule in the shape of S3's API, which groups what a template has side by side."""
    rule = _renamed(template, Id="ID", ExpirationInDays="Days")
    rule["Filter"] = {"Prefix": rule.pop("Prefix", "")}
    expiration = {name: rule.pop(name) for name in ("Days", "ExpiredObjectDeleteMarker") if name in rule}
    if expiration:
        rule["Expiration"] = expiration
    if "Transitions" in rule:
        rule["Transitions"] = [_renamed(move, TransitionInDays="Days") for move in rule["Transitions"]]
    return rule


def _write_topic(client: _Client, topic: Resource, values: _Values) -> None:
    for name, value in values.items():
        client("sns").set_topic_attributes(TopicArn=topic.id, AttributeName=name, AttributeValue=value)


def _write_state_machine(client: _Client, machine: Resource, values: _Values) -> None:
    states = client("stepfunctions")
    if logging := values.get("LoggingConfiguration"):
        states.update_state_machine(stateMachineArn=machine.id, loggingConfiguration=_lower_first(logging))
    if tags := values.get("Tags"):
        states.tag_resource(resourceArn=machine.id, tags=_lower_first(tags))


def _lower_first(value: Any) -> Any:
    """The value with names that begin in lower case, as this API has them."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _lower_first(item) for name, item in value.items()}
    return [_lower_first(item) for item in value] if isinstance(value, list) else value


_WRITERS: Mapping[str, Callable[[_Client, Resource, _Values], None]] = {
    "AWS::CloudWatch::Alarm": functools.partial(_write_tags, service="cloudwatch"),
    "AWS::CloudWatch::CompositeAlarm": functools.partial(_write_tags, service="cloudwatch"),
    "AWS::CloudWatch::Dashboard": _write_dashboard,
    "AWS::DynamoDB::Table": _write_table,
    "AWS::Events::Rule": functools.partial(_write_tags, service="events"),
    "AWS::Lambda::Function": _write_function,
    "AWS::Logs::LogGroup": _write_log_group,
    "AWS::S3::Bucket": _write_bucket,
    "AWS::SNS::Topic": _write_topic,
    "AWS::StepFunctions::StateMachine": _write_state_machine,
}
