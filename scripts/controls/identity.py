"""Who may do what: KMS and IAM."""

from __future__ import annotations

from scripts.controls.control import Excepted, control
from scripts.controls.policies import Statement, allows, listed, on_everything, public, statements
from scripts.deployment import Deployment, Resource

_KEY = "AWS::KMS::Key"
_MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
_ROLE = "AWS::IAM::Role"
_THROUGH_CLOUDFORMATION = {"aws:CalledVia": "cloudformation.amazonaws.com"}


def _decrypts_with_no_key_but_its_own(resource: Resource) -> bool | Excepted:
    wide = [
        statement
        for statement in statements(resource)
        if allows(statement, "kms:Decrypt", "kms:ReEncryptFrom") and on_everything(statement)
    ]
    if wide and all(_for_services_in_a_deployment(statement) for statement in wide):
        return Excepted(
            "It holds for what three services do with a key while CloudFormation deploys: one without ARN yet."
        )
    if wide and all(_by_tags(statement) for statement in wide):
        return Excepted("It holds for keys that bear the environment's tags: they have no ARNs before they are made.")
    return not wide


def _for_services_in_a_deployment(statement: Statement) -> bool:
    condition = statement.get("Condition", {})
    services = condition.get("StringEquals", {}).get("kms:ViaService", [])
    return condition.get("ForAnyValue:StringEquals") == _THROUGH_CLOUDFORMATION and "*" not in str(services or "*")


def _by_tags(statement: Statement) -> bool:
    tags = statement.get("Condition", {}).get("StringEquals", {})
    return {"aws:ResourceTag/Project", "aws:ResourceTag/Environment"} <= set(tags)


@control("KMS.1", "IAM customer managed policies should not allow decryption actions on all KMS keys", _MANAGED_POLICY)
def _kms_1(policy: Resource, _: Deployment) -> bool | Excepted:
    return _decrypts_with_no_key_but_its_own(policy)


@control(
    "KMS.2", "IAM principals should not have IAM inline policies that allow decryption actions on all KMS keys", _ROLE
)
def _kms_2(role: Resource, _: Deployment) -> bool | Excepted:
    return _decrypts_with_no_key_but_its_own(role)


@control("KMS.3", "AWS KMS keys should not be deleted unintentionally", _KEY)
def _kms_3(key: Resource, _: Deployment) -> bool:
    """A stack's deletion leaves the key; a person's takes as long as KMS can wait."""
    return key.deletion_policy == "Retain" and key.properties.get("PendingWindowInDays", 30) == 30


@control("KMS.4", "AWS KMS key rotation should be enabled", _KEY)
def _kms_4(key: Resource, _: Deployment) -> bool:
    return key.properties.get("EnableKeyRotation") is True


@control("KMS.5", "KMS keys should not be publicly accessible", _KEY)
def _kms_5(key: Resource, _: Deployment) -> bool:
    return not any(public(statement) for statement in statements(key))


@control("IAM.1", 'IAM policies should not allow full "*" administrative privileges', _ROLE, _MANAGED_POLICY)
def _iam_1(holder: Resource, _: Deployment) -> bool:
    """Roles too, though AWS checks customer managed policies only."""
    attached = holder.properties.get("ManagedPolicyArns", [])
    return not any(
        "*" in listed(item.get("Action", "*")) for item in statements(holder) if item["Effect"] == "Allow"
    ) and (not any(arn.endswith(("/AdministratorAccess", "/PowerUserAccess")) for arn in attached))


@control(
    "IAM.2",
    "IAM users should not have IAM policies attached",
    "AWS::IAM::User",
    "AWS::IAM::Group",
    "AWS::IAM::AccessKey",
    not_applicable="The templates make no users, groups or access keys: services take on roles, people and continuous "
    "integration come with roles of their own.",
)
def _iam_2(user: Resource, _: Deployment) -> bool:
    return not user.id


@control(
    "IAM.21",
    "IAM customer managed policies that you create should not allow wildcard actions for services",
    _ROLE,
    _MANAGED_POLICY,
)
def _iam_21(holder: Resource, _: Deployment) -> bool:
    """Roles too, though AWS checks customer managed policies only."""
    return not any(
        action.endswith(":*") or action == "*"
        for statement in statements(holder)
        if statement["Effect"] == "Allow"
        for action in listed(statement.get("Action", "*"))
    )


KMS = [_kms_1, _kms_2, _kms_3, _kms_4, _kms_5]
IAM = [_iam_1, _iam_2, _iam_21]
