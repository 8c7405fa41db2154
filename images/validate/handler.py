"""Lambda handler of the validate function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.validate import reduce_validated, validate, validate_range

handle = lambda_function({"ValidateState": validate, "ValidateMap": validate_range, "ValidateReduce": reduce_validated})
