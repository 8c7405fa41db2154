"""Lambda handler of the validate function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.validate import reduce_validated, validate, validate_range

STAGES = {"ValidateState": validate, "ValidateRange": validate_range, "ValidateReduce": reduce_validated}

handle = lambda_function(STAGES)
