"""Lambda handler of the output function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else
from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.output import commit, publish

handle = lambda_function({"OutputToS3": publish, "CommitState": commit})
