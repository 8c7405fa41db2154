"""Lambda handler of the transform function."""

import filegate.aws_lambda.startup  # noqa: F401 - before everything else

# isort: split
import pandera.polars  # noqa: F401 - as the datasets' modules do, which are imported with their first call

from filegate.aws_lambda.function import lambda_function
from filegate.pipeline.transform import reduce_transformed, transform, transform_range
from filegate.runs.states import State

STAGES = {
    State.TRANSFORM: transform,
    State.TRANSFORM_RANGE: transform_range,
    State.TRANSFORM_REDUCE: reduce_transformed,
}

handle = lambda_function(STAGES)
