"""Lambda handler of the output function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.output import commit, publish

handle = lambda_function({"OutputToS3": publish, "CommitState": commit})
