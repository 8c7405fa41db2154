"""The embedded cloud: the whole pipeline in one process tree, without Docker and without an AWS account."""
