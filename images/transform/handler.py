"""Lambda handler of the transform function."""

from filegate.functions import lambda_function
from filegate.stages.transform import transform

handle = lambda_function({"TransformState": transform})
