"""Lambda handler of the transform function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else

# isort: split
import pandera.polars  # noqa: F401 - as the datasets' modules do, which are imported with their first call

from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.transform import reduce_transformed, transform, transform_range

STAGES = {"TransformState": transform, "TransformRange": transform_range, "TransformReduce": reduce_transformed}

handle = lambda_function(STAGES)
