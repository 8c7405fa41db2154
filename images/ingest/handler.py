"""Lambda handler of the ingest function."""

from filegate.functions import lambda_function
from filegate.stages.ingest import ingest

handle = lambda_function({"IngestState": ingest})
