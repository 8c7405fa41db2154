"""The stages as AWS Lambda functions: settings, start-up, logs, metrics."""
