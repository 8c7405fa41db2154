"""Every property that the templates use: how it is read back, and how it is set where a local cloud drops it.

A property that is not listed here cannot be vouched for, and fails the comparison: add it when a template uses it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from filegate.operations.stack.properties import Aws, Property, Read, Write

_TRIAL_STREAM = "log_stream_created_by_aws_"  # with which Step Functions tries whether it may write
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _tag_map(tags: Any) -> dict[str, str]:
    """Tags as a map, whichever of the services' three spellings they come in."""
    if isinstance(tags, dict):
        return tags
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags or []}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tags(read: Callable[[Aws, str], Any], write: Callable[[Aws, str, Any], None] | None = None) -> Property:
    # Compared as a map, of which every cloud adds some of its own.
    return Property(lambda aws, physical_id: _tag_map(read(aws, physical_id)), _tag_map, write)


def _last_component(url_or_arn: str) -> str:
    return url_or_arn.rpartition("/")[2]


# --- S3 ---------------------------------------------------------------------------------------------------------------


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    rules = [
        {("ApplyServerSideEncryptionByDefault" if key == "ServerSideEncryptionByDefault" else key): item}
        for rule in value["ServerSideEncryptionConfiguration"]
        for key, item in rule.items()
    ]
    return {"Rules": rules}


def _lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in value["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    expiration = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule.pop("ExpirationInDays"))
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule.pop("ExpiredObjectDeleteMarker")
    transitions = [
        {"Days": int(transition["TransitionInDays"]), "StorageClass": transition["StorageClass"]}
        for transition in rule.pop("Transitions", [])
    ]
    return {
        "ID": rule.pop("Id"),
        "Filter": {"Prefix": rule.pop("Prefix", "")},
        **({"Expiration": expiration} if expiration else {}),
        **({"Transitions": transitions} if transitions else {}),
        **rule,
    }


def _write_tierings(aws: Aws, bucket: str, configurations: list[dict[str, Any]]) -> None:
    for configuration in configurations:
        aws.write(
            "s3",
            "put_bucket_intelligent_tiering_configuration",
            {"Bucket": bucket, "Id": configuration["Id"], "IntelligentTieringConfiguration": configuration},
        )


def _write_bucket_tags(aws: Aws, bucket: str, tags: dict[str, str]) -> None:
    aws.write("s3", "put_bucket_tagging", {"Bucket": bucket, "Tagging": {"TagSet": _tag_list(tags)}})


def _s3(operation: str, path: str) -> Read:
    return Read(service="s3", operation=operation, argument="Bucket", path=path)


_BUCKET = {
    "BucketName": Property(lambda aws, bucket: bucket if aws.read("s3", "head_bucket", {"Bucket": bucket}) else None),
    "BucketEncryption": Property(
        _s3("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
        _encryption,
        Write(
            service="s3",
            operation="put_bucket_encryption",
            argument="Bucket",
            body="ServerSideEncryptionConfiguration",
        ),
    ),
    "IntelligentTieringConfigurations": Property(
        _s3("list_bucket_intelligent_tiering_configurations", "IntelligentTieringConfigurationList"),
        write=_write_tierings,
    ),
    "LifecycleConfiguration": Property(
        _s3("get_bucket_lifecycle_configuration", "{Rules: Rules}"),
        _lifecycle,
        Write(
            service="s3",
            operation="put_bucket_lifecycle_configuration",
            argument="Bucket",
            body="LifecycleConfiguration",
        ),
    ),
    "NotificationConfiguration": Property(
        _s3("get_bucket_notification_configuration", "@"), lambda value: {name: {} for name in value}
    ),
    "OwnershipControls": Property(
        _s3("get_bucket_ownership_controls", "OwnershipControls"),
        write=Write(
            service="s3", operation="put_bucket_ownership_controls", argument="Bucket", body="OwnershipControls"
        ),
    ),
    "PublicAccessBlockConfiguration": Property(_s3("get_public_access_block", "PublicAccessBlockConfiguration")),
    "Tags": _tags(_s3("get_bucket_tagging", "TagSet"), _write_bucket_tags),
    "VersioningConfiguration": Property(_s3("get_bucket_versioning", "@")),
}

_BUCKET_POLICY = {
    "Bucket": Property(lambda _, bucket: bucket),
    "PolicyDocument": Property(lambda aws, bucket: _document(_s3("get_bucket_policy", "Policy")(aws, bucket))),
}

# --- DynamoDB ---------------------------------------------------------------------------------------------------------


def _table(path: str) -> Read:
    return Read(service="dynamodb", operation="describe_table", argument="TableName", path=f"Table.{path}")


def _table_tags(aws: Aws, table: str) -> Any:
    arn = _table("TableArn")(aws, table)
    return aws.read("dynamodb", "list_tags_of_resource", {"ResourceArn": arn}).get("Tags")


_TABLE = {
    "AttributeDefinitions": Property(_table("AttributeDefinitions")),
    "BillingMode": Property(_table("BillingModeSummary.BillingMode")),
    "DeletionProtectionEnabled": Property(_table("DeletionProtectionEnabled")),
    "GlobalSecondaryIndexes": Property(_table("GlobalSecondaryIndexes")),
    "KeySchema": Property(_table("KeySchema")),
    "PointInTimeRecoverySpecification": Property(
        Read(
            service="dynamodb",
            operation="describe_continuous_backups",
            argument="TableName",
            path="ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
        ),
        lambda value: "ENABLED" if value["PointInTimeRecoveryEnabled"] else "DISABLED",
        lambda aws, table, value: aws.write(
            "dynamodb",
            "update_continuous_backups",
            {
                "TableName": table,
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": value == "ENABLED"},
            },
        ),
    ),
    "TableName": Property(_table("TableName")),
    "Tags": _tags(_table_tags),
    "TimeToLiveSpecification": Property(
        Read(
            service="dynamodb",
            operation="describe_time_to_live",
            argument="TableName",
            path="TimeToLiveDescription.{AttributeName: AttributeName, Enabled: TimeToLiveStatus == 'ENABLED'}",
        ),
        write=Write(
            service="dynamodb", operation="update_time_to_live", argument="TableName", body="TimeToLiveSpecification"
        ),
    ),
}

# --- SQS and SNS ------------------------------------------------------------------------------------------------------


def _queue(name: str) -> Read:
    return Read(
        service="sqs",
        operation="get_queue_attributes",
        argument="QueueUrl",
        more={"AttributeNames": ["All"]},
        path=f"Attributes.{name}",
    )


def _topic(name: str) -> Read:
    return Read(service="sns", operation="get_topic_attributes", argument="TopicArn", path=f"Attributes.{name}")


_QUEUE = {
    "MessageRetentionPeriod": Property(_queue("MessageRetentionPeriod")),
    "QueueName": Property(lambda _, url: _last_component(url)),
    "SqsManagedSseEnabled": Property(_queue("SqsManagedSseEnabled")),
    "Tags": _tags(Read(service="sqs", operation="list_queue_tags", argument="QueueUrl", path="Tags")),
    "VisibilityTimeout": Property(_queue("VisibilityTimeout")),
}

_TOPIC = {
    "DisplayName": Property(_topic("DisplayName")),
    "Tags": _tags(Read(service="sns", operation="list_tags_for_resource", argument="ResourceArn", path="Tags")),
    "TopicName": Property(lambda _, arn: arn.rpartition(":")[2]),
}


def _subscription(name: str) -> Property:
    def read(aws: Aws, arn: str) -> Any:
        subscriptions = aws.read("sns", "list_subscriptions", {}).get("Subscriptions", [])
        return next((item[name] for item in subscriptions if item["SubscriptionArn"] == arn), None)

    return Property(read)


_SUBSCRIPTION = {name: _subscription(name) for name in ("Endpoint", "Protocol", "TopicArn")}

_QUEUE_POLICY = {
    "PolicyDocument": Property(lambda aws, url: _document(_queue("Policy")(aws, url))),
    "Queues": Property(lambda _, url: [url]),
}

_TOPIC_POLICY = {
    "PolicyDocument": Property(lambda aws, arn: _document(_topic("Policy")(aws, arn))),
    "Topics": Property(lambda _, arn: [arn]),
}

# --- the rest ---------------------------------------------------------------------------------------------------------


def _alarm(name: str) -> Property:
    return Property(
        Read(
            service="cloudwatch",
            operation="describe_alarms",
            argument="AlarmNames",
            listed=True,
            path=f"MetricAlarms[0].{name}",
        )
    )


def _alarm_tags(aws: Aws, alarm: str) -> Any:
    arn = _alarm("AlarmArn").read(aws, alarm)
    return aws.read("cloudwatch", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags")


def _write_alarm_tags(aws: Aws, alarm: str, tags: dict[str, str]) -> None:
    arn = _alarm("AlarmArn").read(aws, alarm)
    aws.write("cloudwatch", "tag_resource", {"ResourceARN": arn, "Tags": _tag_list(tags)})


_ALARM = {
    **{
        name: _alarm(name)
        for name in (
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "Dimensions",
            "EvaluationPeriods",
            "MetricName",
            "Namespace",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
        )
    },
    "Tags": _tags(_alarm_tags, _write_alarm_tags),
}


def _function(path: str) -> Read:
    return Read(service="lambda", operation="get_function", argument="FunctionName", path=path)


_FUNCTION = {
    **{
        name: Property(_function(f"Configuration.{name}"))
        for name in (
            "Architectures",
            "Description",
            "Environment",
            "FunctionName",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "Role",
            "Timeout",
        )
    },
    "Code": Property(_function("Code")),
    "EphemeralStorage": Property(
        _function("Configuration.EphemeralStorage"),
        write=Write(
            service="lambda",
            operation="update_function_configuration",
            argument="FunctionName",
            body="EphemeralStorage",
        ),
    ),
    "Tags": _tags(_function("Tags")),
}


def _log_group(path: str) -> Property:
    return Property(
        Read(
            service="logs",
            operation="describe_log_groups",
            argument="logGroupNamePrefix",
            path=f"sort_by(logGroups, &length(logGroupName))[0].{path}",
        )
    )


def _write_log_group_tags(aws: Aws, group: str, tags: dict[str, str]) -> None:
    """LocalStack tags a log group only while it creates it, so one that has nobody's log yet is created again."""
    streams = aws.read("logs", "describe_log_streams", {"logGroupName": group})["logStreams"]
    if any(not stream["logStreamName"].startswith(_TRIAL_STREAM) for stream in streams):
        return
    retention = _log_group("retentionInDays").read(aws, group)
    aws.write("logs", "delete_log_group", {"logGroupName": group})
    aws.write("logs", "create_log_group", {"logGroupName": group, "tags": tags})
    if retention is not None:
        aws.write("logs", "put_retention_policy", {"logGroupName": group, "retentionInDays": retention})


_LOG_GROUP = {
    "LogGroupName": _log_group("logGroupName"),
    "RetentionInDays": Property(
        _log_group("retentionInDays").read,
        int,
        Write(service="logs", operation="put_retention_policy", argument="logGroupName", body="retentionInDays"),
    ),
    "Tags": _tags(
        Read(service="logs", operation="list_tags_log_group", argument="logGroupName", path="tags"),
        _write_log_group_tags,
    ),
}


def _role(path: str) -> Read:
    return Read(service="iam", operation="get_role", argument="RoleName", path=f"Role.{path}")


def _inline_policies(aws: Aws, role: str) -> list[dict[str, Any]]:
    names = aws.read("iam", "list_role_policies", {"RoleName": role}).get("PolicyNames", [])
    policies = [aws.read("iam", "get_role_policy", {"RoleName": role, "PolicyName": name}) for name in names]
    return [{**policy, "PolicyDocument": _document(policy["PolicyDocument"])} for policy in policies]


_ROLE = {
    "AssumeRolePolicyDocument": Property(
        lambda aws, role: _document(_role("AssumeRolePolicyDocument")(aws, role)),
    ),
    "Description": Property(_role("Description")),
    "Policies": Property(_inline_policies),
    "RoleName": Property(_role("RoleName")),
    "Tags": _tags(_role("Tags")),
}


def _state_machine(path: str) -> Read:
    return Read(service="stepfunctions", operation="describe_state_machine", argument="stateMachineArn", path=path)


def _api_case(value: Any) -> Any:
    """Step Functions' API begins its names in lower case, CloudFormation in upper case."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _api_case(item) for name, item in value.items()}
    return [_api_case(item) for item in value] if isinstance(value, list) else value


def _write_machine_tags(aws: Aws, machine: str, tags: dict[str, str]) -> None:
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    aws.write("stepfunctions", "tag_resource", {"resourceArn": machine, "tags": listed})


def _definition(text: str) -> str:
    """A definition as something to compare, and short enough to print: equal for the same states in any layout."""
    definition = json.loads(text)
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return f"{len(definition['States'])} states, sha256 {hashlib.sha256(canonical.encode()).hexdigest()}"


def _with_definition(aws: Aws, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The definition itself, in place of where its file is and of what is put into it."""
    kept = dict(properties)
    location, substitutions = kept.pop("DefinitionS3Location", None), kept.pop("DefinitionSubstitutions", {})
    if location is not None:
        text = aws.text(location["Bucket"], location["Key"])
        kept["Definition"] = _PLACEHOLDER.sub(lambda match: substitutions[match[1]], text)
    return kept


_STATE_MACHINE = {
    "Definition": Property(lambda aws, machine: _definition(_state_machine("definition")(aws, machine)), _definition),
    "LoggingConfiguration": Property(
        _state_machine("loggingConfiguration"),
        _api_case,
        Write(
            service="stepfunctions",
            operation="update_state_machine",
            argument="stateMachineArn",
            body="loggingConfiguration",
        ),
    ),
    "RoleArn": Property(_state_machine("roleArn")),
    "StateMachineName": Property(_state_machine("name")),
    "StateMachineType": Property(_state_machine("type")),
    "Tags": _tags(
        Read(service="stepfunctions", operation="list_tags_for_resource", argument="resourceArn", path="tags"),
        _write_machine_tags,
    ),
}


def _rule(path: str) -> Read:
    return Read(service="events", operation="describe_rule", argument="Name", path=path)


def _rule_tags(aws: Aws, rule: str) -> Any:
    arn = _rule("Arn")(aws, rule)
    return aws.read("events", "list_tags_for_resource", {"ResourceARN": arn}).get("Tags")


def _write_rule_tags(aws: Aws, rule: str, tags: dict[str, str]) -> None:
    aws.write("events", "tag_resource", {"ResourceARN": _rule("Arn")(aws, rule), "Tags": _tag_list(tags)})


_RULE = {
    "Description": Property(_rule("Description")),
    "EventPattern": Property(lambda aws, rule: _document(_rule("EventPattern")(aws, rule))),
    "Name": Property(_rule("Name")),
    "State": Property(_rule("State")),
    "Tags": _tags(_rule_tags, _write_rule_tags),
    "Targets": Property(Read(service="events", operation="list_targets_by_rule", argument="Rule", path="Targets")),
}


def _stack(path: str) -> Read:
    return Read(service="cloudformation", operation="describe_stacks", argument="StackName", path=f"Stacks[0].{path}")


_STACK = {
    "Parameters": Property(
        _stack("Parameters"),
        lambda values: [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    ),
    "Tags": _tags(_stack("Tags")),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::CloudFormation::Stack": _STACK,
    "AWS::CloudWatch::Alarm": _ALARM,
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::Events::Rule": _RULE,
    "AWS::IAM::Role": _ROLE,
    "AWS::Lambda::Function": _FUNCTION,
    "AWS::Logs::LogGroup": _LOG_GROUP,
    "AWS::S3::Bucket": _BUCKET,
    "AWS::S3::BucketPolicy": _BUCKET_POLICY,
    "AWS::SNS::Subscription": _SUBSCRIPTION,
    "AWS::SNS::Topic": _TOPIC,
    "AWS::SNS::TopicPolicy": _TOPIC_POLICY,
    "AWS::SQS::Queue": _QUEUE,
    "AWS::SQS::QueuePolicy": _QUEUE_POLICY,
    "AWS::StepFunctions::StateMachine": _STATE_MACHINE,
}

# A policy has no id of its own: it is read through what it is attached to, which this property names.
ATTACHED_BY: Mapping[str, str] = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
}

# What a nested stack's template says is compared resource by resource, so its address need not be.
NOT_COMPARED: Mapping[str, frozenset[str]] = {"AWS::CloudFormation::Stack": frozenset({"TemplateURL"})}

# Properties that say something only together: read into one before they are compared.
COMBINED: Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "AWS::StepFunctions::StateMachine": _with_definition,
}
