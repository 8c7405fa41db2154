"""Deploys the templates to the LocalStack around it, and says why if that fails.

Run inside LocalStack's container, at its start and again by `make up`, which then changes only what differs.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import boto3

from filegate.devcloud.deploy import deploy_local
from filegate.devcloud.dropped import LOCALSTACK
from filegate.errors import FilegateError

TEMPLATE = Path("/opt/filegate/infra/cloudformation/main.yaml")
STAGES = ("ingest", "validate", "transform", "output")
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


def main() -> None:
    images = {f"{stage.title()}ImageUri": f"filegate/{stage}:local" for stage in STAGES}
    try:
        deploy_local(
            boto3.Session(),
            template=TEMPLATE,
            parameters={**images, "Architecture": ARCHITECTURES[platform.machine()]},
            dropped=LOCALSTACK,
        )
    except FilegateError as error:
        sys.exit(f"deploy: {error}")


if __name__ == "__main__":
    main()
