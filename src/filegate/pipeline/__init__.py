"""The four stages, as plain functions of a run and a context: no Lambda and no boto3 in sight."""
