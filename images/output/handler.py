"""Lambda handler of the output function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else
from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.output import commit, publish
from filegate.runs.states import State

handle = lambda_function({State.OUTPUT: publish, State.COMMIT: commit})
