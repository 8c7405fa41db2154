"""Lambda handler of the validate function."""

from filegate.functions import lambda_function
from filegate.stages.validate import validate

handle = lambda_function({"ValidateState": validate})
