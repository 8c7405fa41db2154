"""Lambda handler of the transform function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.transform import reduce_transformed, transform, transform_range

handle = lambda_function(
    {"TransformState": transform, "TransformMap": transform_range, "TransformReduce": reduce_transformed}
)
