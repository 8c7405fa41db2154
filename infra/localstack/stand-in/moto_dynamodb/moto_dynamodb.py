"""DynamoDB and its streams by moto: PROVIDER_OVERRIDE_DYNAMODB=moto, PROVIDER_OVERRIDE_DYNAMODBSTREAMS=moto.

LocalStack's own provider runs DynamoDB Local, a download that the stand-in image cannot make.
"""

from __future__ import annotations

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider


class _DynamoDB(DynamodbApi):
    """Implements nothing by itself, so that every call goes to moto."""


class _DynamoDBStreams(DynamodbstreamsApi):
    """Implements nothing by itself, so that every call goes to moto."""


@aws_provider(api="dynamodb", name="moto")
def dynamodb() -> Service:
    return Service.for_provider(_DynamoDB(), dispatch_table_factory=MotoFallbackDispatcher)


@aws_provider(api="dynamodbstreams", name="moto")
def dynamodbstreams() -> Service:
    return Service.for_provider(_DynamoDBStreams(), dispatch_table_factory=MotoFallbackDispatcher)
