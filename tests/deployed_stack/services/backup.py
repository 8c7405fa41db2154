"""Backups: vaults, plans, and what a plan is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deployed_stack.properties import Aws, Property, Read
from tests.deployed_stack.shapes import tags


def _vault(path: str) -> Read:
    return Read(service="backup", operation="describe_backup_vault", argument="BackupVaultName", path=path)


def _plan(path: str) -> Read:
    return Read(service="backup", operation="get_backup_plan", argument="BackupPlanId", path=path)


def _tags(arn: Read) -> Property:
    def read(aws: Aws, physical_id: str) -> Any:
        return aws.read("backup", "list_tags", {"ResourceArn": arn(aws, physical_id)}).get("Tags")

    return tags(read)


def _rules(plan: dict[str, Any]) -> dict[str, Any]:
    rules = [dict(rule) for rule in plan["BackupPlanRule"]]
    named = [{"TargetBackupVaultName": rule.pop("TargetBackupVault"), **rule} for rule in rules]
    return {"BackupPlanName": plan["BackupPlanName"], "Rules": named}


_VAULT = {
    "BackupVaultName": Property(_vault("BackupVaultName")),
    "BackupVaultTags": _tags(_vault("BackupVaultArn")),
    "EncryptionKeyArn": Property(_vault("EncryptionKeyArn")),
}

_PLAN = {
    "BackupPlan": Property(_plan("BackupPlan"), _rules),
    "BackupPlanTags": _tags(_plan("BackupPlanArn")),
}


def _selection(aws: Aws, plan: str) -> Any:
    listed = aws.read("backup", "list_backup_selections", {"BackupPlanId": plan}).get("BackupSelectionsList", [])
    if not listed:
        return None
    wanted = {"BackupPlanId": plan, "SelectionId": listed[0]["SelectionId"]}
    return aws.read("backup", "get_backup_selection", wanted).get("BackupSelection")


def _create_selection(aws: Aws, plan: str, selection: dict[str, Any]) -> None:
    aws.write("backup", "create_backup_selection", {"BackupPlanId": plan, "BackupSelection": selection})


_SELECTION = {
    "BackupPlanId": Property(lambda _, plan: plan),
    "BackupSelection": Property(_selection, write=_create_selection),
}

PROPERTIES: Mapping[str, Mapping[str, Property]] = {
    "AWS::Backup::BackupPlan": _PLAN,
    "AWS::Backup::BackupSelection": _SELECTION,
    "AWS::Backup::BackupVault": _VAULT,
}
