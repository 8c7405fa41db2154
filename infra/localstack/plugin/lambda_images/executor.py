"""LocalStack's interface to an execution environment, answered with a container of the function's own image."""

from __future__ import annotations

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, ImageConfig, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from lambda_images import engine
from lambda_images.container import Spec
from lambda_images.sandbox import NotStarted, Sandbox
from lambda_images.settings import Settings

# Variables for LocalStack's own init process, which is not there.
_NOT_FOR_FUNCTIONS = ("EDGE_PORT", "LOCALSTACK_")


class ImageExecutor(RuntimeExecutor):
    """An execution environment that LocalStack keeps warm, and uses for one call at a time.

    A container that timed out, died, or was made from an image since rebuilt gives way to a new one with the next
    call.
    """

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 - named by LocalStack
        super().__init__(id, function_version)
        self._variables: dict[str, str] = {}
        self._sandbox: Sandbox | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        self._variables = {
            name: str(value) for name, value in env_vars.items() if not name.startswith(_NOT_FOR_FUNCTIONS)
        }
        self._open()

    def stop(self) -> None:
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.remove()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        sandbox = self._sandbox
        if sandbox is None or not sandbox.usable:
            self.stop()
            sandbox = self._open()
        result = sandbox.invoke(
            (payload.get("payload") or "{}").encode(),
            request_id=payload["invoke-id"],
            trace_id=payload.get("trace-id", ""),
        )
        log = sandbox.take_log()
        if not result.reusable:
            self.stop()
        return InvocationResult(payload["invoke-id"], result.body, is_error=result.failed, logs=log)

    def get_logs(self) -> str:
        return self._sandbox.take_log(seconds=0) if self._sandbox else ""

    def get_address(self) -> str:
        return self._sandbox.address if self._sandbox else ""

    def get_endpoint_from_executor(self) -> str:
        return engine.host().address

    def get_runtime_endpoint(self) -> str:
        return ""  # of LocalStack's own init process, which is not there

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Makes the function's State `Failed` if it cannot run here."""
        image = _image(function_version)
        if engine.image_id(image) is None:
            raise LambdaRuntimeException(f"The Docker engine has no image {image}. Build or pull it.")

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing was prepared."""

    def _open(self) -> Sandbox:
        function = self.function_version.config
        replaced = function.image_config or ImageConfig(working_directory=None)
        self._sandbox = Sandbox(
            Spec(
                name=f"{engine.host().owner}-{self.function_version.id.function_name}-{self.id[:8]}",
                image=_image(self.function_version),
                variables=self._variables,
                memory=function.memory_size,
                timeout=function.timeout,
                cpu_share=Settings.of_environment().cpu_share,
                entrypoint=replaced.entrypoint,
                command=replaced.command,
                directory=replaced.working_directory,
            )
        )
        try:
            self._sandbox.start()
        except NotStarted as error:
            raise StatusErrorException(str(error), error.payload) from error
        return self._sandbox


def _image(function_version: FunctionVersion) -> str:
    code = function_version.config.image
    if code is None:
        raise LambdaRuntimeException("Functions of PackageType Zip do not run with LAMBDA_RUNTIME_EXECUTOR=image.")
    return code.image_uri
