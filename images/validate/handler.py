"""Lambda handler of the validate function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.validate import validate

handle = lambda_function({"ValidateState": validate})
