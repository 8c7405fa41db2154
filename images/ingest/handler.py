"""Lambda handler of the ingest function."""

import filegate.startup  # noqa: F401 - before everything else
from filegate.functions import lambda_function
from filegate.stages.ingest import ingest

handle = lambda_function({"IngestState": ingest})
