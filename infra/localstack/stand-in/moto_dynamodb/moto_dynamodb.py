"""DynamoDB and its streams by moto: PROVIDER_OVERRIDE_DYNAMODB=moto, PROVIDER_OVERRIDE_DYNAMODBSTREAMS=moto.

LocalStack's own provider runs DynamoDB Local, a download that the stand-in image cannot make. DynamoDB's calls are
atomic and moto's are not: a reader may meet an item that is half written, and a transaction that fails restores the
whole table as it was when it began. So one call runs at a time.
"""

from __future__ import annotations

from threading import Lock

from localstack.aws.api import RequestContext, ServiceRequest, ServiceResponse
from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.aws.forwarder import ForwardingFallbackDispatcher
from localstack.aws.skeleton import DispatchTable
from localstack.services.moto import call_moto
from localstack.services.plugins import Service, aws_provider

_turn = Lock()


class _DynamoDB(DynamodbApi):
    """Implements nothing by itself, so that every call goes to moto."""


class _DynamoDBStreams(DynamodbstreamsApi):
    """Implements nothing by itself, so that every call goes to moto."""


@aws_provider(api="dynamodb", name="moto")
def dynamodb() -> Service:
    return Service.for_provider(_DynamoDB(), dispatch_table_factory=_one_at_a_time)


@aws_provider(api="dynamodbstreams", name="moto")
def dynamodbstreams() -> Service:
    return Service.for_provider(_DynamoDBStreams(), dispatch_table_factory=_one_at_a_time)


def _one_at_a_time(provider: object) -> DispatchTable:
    return ForwardingFallbackDispatcher(provider, _in_turn)


def _in_turn(context: RequestContext, _: ServiceRequest) -> ServiceResponse | None:
    with _turn:
        return call_moto(context)
