"""Lambda handler of the output function."""

from filegate.functions import lambda_function
from filegate.stages.output import commit, publish

handle = lambda_function({"OutputToS3": publish, "CommitState": commit})
