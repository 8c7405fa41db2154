"""What runs: Lambda, Step Functions, and the images in ECR."""

from __future__ import annotations

from scripts.controls.control import control
from scripts.controls.policies import listed
from scripts.deployment import Deployment, Resource

_FUNCTION = "AWS::Lambda::Function"
_REPOSITORY = "AWS::ECR::Repository"


def _subnets(function: Resource, deployment: Deployment) -> list[Resource]:
    named = map(deployment.referred, listed(function.properties.get("VpcConfig", {}).get("SubnetIds", [])))
    return [resource for resource in named if resource is not None and resource.type == "AWS::EC2::Subnet"]


@control("Lambda.1", "Lambda function policies should prohibit public access", _FUNCTION)
def _lambda_1(function: Resource, deployment: Deployment) -> bool:
    permissions = [
        permission.properties
        for permission in deployment.of("AWS::Lambda::Permission")
        if deployment.referred(permission.properties["FunctionName"]) is function
    ]
    return all(
        permission["Principal"] != "*" and {"SourceAccount", "SourceArn"} & set(permission)
        for permission in permissions
    )


@control(
    "Lambda.2",
    "Lambda functions should use supported runtimes",
    _FUNCTION,
    not_applicable="The functions are container images, which this control does not cover. Their base is AWS's image "
    "for Python 3.13; ECR scans them (ECR.1).",
)
def _lambda_2(function: Resource, _: Deployment) -> bool:
    return function.properties["PackageType"] == "Image" and "Runtime" not in function.properties


@control("Lambda.3", "Lambda functions should be in a VPC", _FUNCTION)
def _lambda_3(function: Resource, deployment: Deployment) -> bool:
    groups = listed(function.properties.get("VpcConfig", {}).get("SecurityGroupIds", []))
    return bool(groups) and bool(_subnets(function, deployment))


@control("Lambda.5", "VPC Lambda functions should operate in multiple Availability Zones", _FUNCTION)
def _lambda_5(function: Resource, deployment: Deployment) -> bool:
    return len({subnet.properties["AvailabilityZone"] for subnet in _subnets(function, deployment)}) >= 2


@control("Lambda.7", "Lambda functions should have AWS X-Ray active tracing enabled", _FUNCTION)
def _lambda_7(function: Resource, _: Deployment) -> bool:
    return function.properties.get("TracingConfig") == {"Mode": "Active"}


@control(
    "StepFunctions.1", "Step Functions state machines should have logging turned on", "AWS::StepFunctions::StateMachine"
)
def _stepfunctions_1(machine: Resource, deployment: Deployment) -> bool:
    logging = machine.properties.get("LoggingConfiguration", {})
    groups = [
        deployment.referred(destination["CloudWatchLogsLogGroup"]["LogGroupArn"])
        for destination in logging.get("Destinations", [])
    ]
    return logging.get("Level") in ("ALL", "ERROR", "FATAL") and any(groups)


@control("ECR.1", "ECR private repositories should have image scanning configured", _REPOSITORY)
def _ecr_1(repository: Resource, _: Deployment) -> bool:
    return repository.properties.get("ImageScanningConfiguration") == {"ScanOnPush": True}


@control("ECR.2", "ECR private repositories should have tag immutability configured", _REPOSITORY)
def _ecr_2(repository: Resource, _: Deployment) -> bool:
    return repository.properties.get("ImageTagMutability") == "IMMUTABLE"


@control("ECR.3", "ECR repositories should have at least one lifecycle policy configured", _REPOSITORY)
def _ecr_3(repository: Resource, _: Deployment) -> bool:
    return bool(repository.properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText"))


@control("ECR.5", "ECR repositories should be encrypted with customer managed AWS KMS keys", _REPOSITORY)
def _ecr_5(repository: Resource, deployment: Deployment) -> bool:
    encryption = repository.properties.get("EncryptionConfiguration", {})
    key = deployment.referred(encryption.get("KmsKey"))
    return encryption.get("EncryptionType") == "KMS" and key in deployment.of("AWS::KMS::Key")


LAMBDA = [_lambda_1, _lambda_2, _lambda_3, _lambda_5, _lambda_7]
STEP_FUNCTIONS = [_stepfunctions_1]
ECR = [_ecr_1, _ecr_2, _ecr_3, _ecr_5]
