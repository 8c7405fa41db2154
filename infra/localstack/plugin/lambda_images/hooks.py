"""Where LocalStack loads the plugin, and the three places where it changes LocalStack itself.

`LAMBDA_RUNTIME_EXECUTOR=image` chooses it. A LocalStack that runs container images by itself, as the paid editions do,
goes on with its own way of doing so: then nothing here takes effect.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import unquote

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.hooks import HOOKS_LAMBDA_START_DOCKER_EXECUTOR
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin, RuntimeExecutorPlugin
from localstack.utils.patch import patch
from plux import PluginManager

LOG = logging.getLogger(__name__)


def runs_images_itself() -> bool:
    """Whether something gives this LocalStack's Docker executor the images to run, as editions do that can."""
    return bool(PluginManager(HOOKS_LAMBDA_START_DOCKER_EXECUTOR).list_names())


def active() -> bool:
    return ImageExecutorPlugin.name == config.LAMBDA_RUNTIME_EXECUTOR and not runs_images_itself()


class ImageExecutorPlugin(RuntimeExecutorPlugin):
    """What `LAMBDA_RUNTIME_EXECUTOR=image` names."""

    name = "image"

    def load(self, *_: Any, **__: Any) -> Any:
        if not active():
            return DockerRuntimeExecutorPlugin().load()
        from lambda_images.executor import ImageExecutor  # noqa: PLC0415 - reached only where it is used

        return ImageExecutor


@hooks.on_infra_start(should_load=active)
def start() -> None:
    from lambda_images import engine  # noqa: PLC0415
    from lambda_images.settings import Settings  # noqa: PLC0415

    parallel = Settings.of_environment().parallel or engine.host().processors
    engine.remove_all()
    _use_local_images()
    _keep_keys_as_stored()
    _limit_parallel_calls(parallel)
    LOG.info("Functions run in containers of their own images, %d at the same time.", parallel)


@hooks.on_infra_shutdown(should_load=active, priority=-100)  # after the services, which may still start containers
def stop() -> None:
    from lambda_images import engine  # noqa: PLC0415

    engine.remove_all()


def _use_local_images() -> None:
    """Take an image that the engine has, with its id as the code's hash.

    LocalStack would pull it each time, and so run what a public registry happens to have under a local image's name.
    """
    from localstack.services.lambda_ import provider  # noqa: PLC0415
    from localstack.services.lambda_.invocation.lambda_models import ImageCode  # noqa: PLC0415

    from lambda_images import engine  # noqa: PLC0415

    def image_code(image_uri: str) -> ImageCode:
        digest = (engine.image_id(image_uri) or "").removeprefix(
            "sha256:"
        )  # without one, the function's State becomes Failed
        return ImageCode(image_uri=image_uri, repository_type="ECR", code_sha256=digest)

    provider.create_image_code = image_code


def _keep_keys_as_stored() -> None:
    """Send an object's key to EventBridge as it is stored, as S3 does; LocalStack encodes it as in notifications."""
    from localstack.services.s3.notifications import EventBridgeNotifier  # noqa: PLC0415

    encoding = EventBridgeNotifier._get_event_payload

    def payload(*args: Any, **kwargs: Any) -> Any:
        event = encoding(*args, **kwargs)
        detail = json.loads(event["Detail"])
        detail["object"]["key"] = unquote(detail["object"]["key"])
        return {**event, "Detail": json.dumps(detail)}

    EventBridgeNotifier._get_event_payload = staticmethod(payload)


def _limit_parallel_calls(parallel: int) -> None:
    """Run at most `parallel` invocations at the same time; further ones wait.

    Lambda has room for a thousand environments, this machine has not. A call that waits counts as running for the
    limits on concurrency, so those throttle as on Lambda; the function's own time-out begins after the wait.
    """
    from localstack.services.lambda_.invocation.assignment import AssignmentService  # noqa: PLC0415

    gate = threading.BoundedSemaphore(parallel)

    @patch(AssignmentService.get_environment)
    @contextmanager
    def get_environment(
        unlimited: Callable[..., AbstractContextManager[Any]], *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        with gate, unlimited(*args, **kwargs) as environment:
            yield environment
