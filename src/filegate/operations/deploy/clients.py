"""How a deployment talks to AWS."""

from botocore.config import Config

# CloudFormation is asked over and over while it works: being told to ask less often is no failure.
CLIENT = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})
