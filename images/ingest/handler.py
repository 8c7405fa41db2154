"""Lambda handler of the ingest function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else
from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.ingest import ingest
from filegate.runs.states import State

handle = lambda_function({State.INGEST: ingest})
