"""The embedded cloud: Filegate's whole pipeline in one process tree, without Docker and without an AWS account."""

from filegate.devcloud.cloud import EmbeddedCloud

__all__ = ["EmbeddedCloud"]
