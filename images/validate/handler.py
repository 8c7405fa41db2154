"""Lambda handler of the validate function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else
from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.validate import reduce_validated, validate, validate_range
from filegate.runs.states import State

STAGES = {State.VALIDATE: validate, State.VALIDATE_RANGE: validate_range, State.VALIDATE_REDUCE: reduce_validated}

handle = lambda_function(STAGES)
