"""The ledger's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read, Write
from tests.deployed_stack.shapes import tags


def _table(path: str) -> Read:
    return Read(service="dynamodb", operation="describe_table", argument="TableName", path=f"Table.{path}")


def _table_tags(aws: Aws, table: str) -> Any:
    arn = _table("TableArn")(aws, table)
    return aws.read("dynamodb", "list_tags_of_resource", {"ResourceArn": arn}).get("Tags")


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "Status": "ENABLED" if value["SSEEnabled"] else "DISABLED",
        "SSEType": value["SSEType"],
        "KMSMasterKeyArn": value["KMSMasterKeyId"],
    }


_TABLE = {
    "AttributeDefinitions": Property(_table("AttributeDefinitions")),
    "BillingMode": Property(_table("BillingModeSummary.BillingMode")),
    "DeletionProtectionEnabled": Property(
        _table("DeletionProtectionEnabled"),
        write=Write(
            service="dynamodb", operation="update_table", argument="TableName", body="DeletionProtectionEnabled"
        ),
    ),
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
    ),
    "SSESpecification": Property(
        _table("SSEDescription.{Status: Status, SSEType: SSEType, KMSMasterKeyArn: KMSMasterKeyArn}"),
        _encryption,
    ),
    "TableName": Property(_table("TableName")),
    "Tags": tags(_table_tags),
    "TimeToLiveSpecification": Property(
        Read(
            service="dynamodb",
            operation="describe_time_to_live",
            argument="TableName",
            path="TimeToLiveDescription.{AttributeName: AttributeName, Enabled: TimeToLiveStatus == 'ENABLED'}",
        ),
    ),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::DynamoDB::Table": _TABLE,
}
