"""Measures the stages' images, and writes docs/images.json.

    python -m scripts.measure_images

Run it from the repository's root, on an idle machine, with the images built: make images
"""

import json
import os
import platform
import statistics
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filegate.devcloud.cloud import EmbeddedCloud
from filegate.runs.run import Request, Run, run_id_of
from harness.function import PYTHON, STAGES, Function, docker, event, function, variables
from scripts.machine import processor

FIGURES = Path(__file__).parents[1] / "docs" / "images.json"
TIMES = 5

IMPORT = """
import json, time
start = time.perf_counter()
import handler
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"seconds": seconds, "kib": int(status["VmRSS"].split()[0])}))
"""
CALLS = """
import json, sys, time
import handler
ready = time.process_time()
task = json.load(sys.stdin)
class Invoked:
    function_name, memory_limit_in_mb, invoked_function_arn, aws_request_id = "f", "512", "arn", "0123456789ab"
runs, times = [], [ready]
for _ in range(2):
    runs.append(handler.handle(task, Invoked))
    times.append(time.process_time())
print(json.dumps({"run": runs[0], "seconds": [after - before for before, after in zip([0, *times], times)]}))
"""
SAMPLE = Path("datasets/samples/flights.csv")
CALLED = {
    "IngestState": "ingest",
    "ValidateState": "validate",
    "TransformState": "transform",
    "OutputToS3": "output",
    "CommitState": "output",
}
"""The stage that each state calls, in the order of a run."""
RUNTIME_MEMORY = r"""
from pathlib import Path
for process in Path("/proc").glob("[0-9]*"):
    if "\0awslambdaric\0" in (process / "cmdline").read_text():
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        print(status["VmRSS"].split()[0])
"""
REFUSING_AWS = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Refuse(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def refuse(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_HEAD = do_POST = do_PUT = refuse
    def log_message(self, *_): pass
ThreadingHTTPServer(("", 4566), Refuse).serve_forever()
"""


@dataclass(frozen=True)
class Measured:
    """One stage's row of the table; sizes in MB (10⁶ bytes), times in milliseconds."""

    stage: str
    image: float
    own: float
    import_ms: float
    import_rss: float
    container_ms: float
    answer_ms: float
    answer_rss: float


def main() -> None:
    repository, tag = os.environ.get("REPOSITORY") or "filegate", os.environ.get("TAG") or "local"
    images = {stage: f"{repository}/{stage}:{tag}" for stage in STAGES}
    with refusing_aws(images["output"]) as (network, endpoint):
        rows = [measure(stage, image, network, endpoint) for stage, image in images.items()]
    engine = docker("version", "--format", "{{.Server.Version}}")
    figures = {
        "machine": f"{os.cpu_count()} cores of {processor()}, Docker {engine}, {platform.machine()}",
        "times": TIMES,
        "stages": [asdict(row) for row in rows],
        "states": calls(images),
    }
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(tables(figures))


def measure(stage: str, image: str, network: str, endpoint: str) -> Measured:
    """Medians of `TIMES` starts each."""
    imports, nothing, answers, memory = [], [], [], []
    for _ in range(TIMES):
        python = (*variables(), "--entrypoint", PYTHON)
        imports.append(json.loads(docker("run", "--rm", "--read-only", *python, image, "-c", IMPORT)))
        with function(image, "operator.is_") as trivial:
            nothing.append(first_answer(trivial, stage))
        with function(image, environment={"AWS_ENDPOINT_URL": endpoint}, network=network) as whole:
            answers.append(first_answer(whole, stage))
            memory.append(int(docker("exec", "--user", "0", whole.container, PYTHON, "-c", RUNTIME_MEMORY)))
    size, own = sizes(image)
    return Measured(
        stage,
        image=size / 1e6,
        own=own / 1e6,
        import_ms=1000 * statistics.median(run["seconds"] for run in imports),
        import_rss=statistics.median(run["kib"] for run in imports) * 1024 / 1e6,
        container_ms=1000 * statistics.median(nothing),
        answer_ms=1000 * statistics.median(answers),
        answer_rss=statistics.median(memory) * 1024 / 1e6,
    )


def calls(images: dict[str, str]) -> dict[str, list[float]]:
    """By state the processor seconds until its function is ready, of its first call, and of its second: medians.

    A file goes through all states, each in a process of its own, on the embedded cloud.
    """
    found: dict[str, list[list[float]]] = {state: [] for state in CALLED}
    docker_host = os.environ.get("DOCKER_HOST", "")
    with EmbeddedCloud() as cloud:
        outputs = cloud.deploy()
        os.environ["DOCKER_HOST"] = docker_host  # the cloud hides it from its emulator
        cloud.session().client("events").disable_rule(Name="filegate-local-object-created")  # the calls are made here
        for number in range(TIMES):
            bucket, key = outputs["RawBucket"], f"flights/{number}.csv"
            version = cloud.session().client("s3").put_object(Bucket=bucket, Key=key, Body=SAMPLE.read_bytes())
            request = Request(bucket=bucket, key=key, version_id=version["VersionId"])
            run = Run(run_id=run_id_of(bucket, key, request.version_id), execution="measured", request=request)
            document = run.model_dump(mode="json", exclude_none=True)
            for state, stage in CALLED.items():
                answer = called(images[stage], {"state": state, "run": document}, cloud, outputs)
                document = answer["run"]
                found[state].append(answer["seconds"])
    return {state: [statistics.median(each) for each in zip(*times, strict=True)] for state, times in found.items()}


def called(image: str, event: dict[str, Any], cloud: EmbeddedCloud, outputs: dict[str, str]) -> dict[str, Any]:
    """What a function in a container answers to an event, and what it took. The cloud listens on this machine alone."""
    own = {
        "FILEGATE_LEDGER_TABLE": outputs["LedgerTable"],
        "FILEGATE_STAGING_BUCKET": outputs["StagingBucket"],
        "FILEGATE_PROCESSED_BUCKET": outputs["ProcessedBucket"],
        "FILEGATE_QUARANTINE_BUCKET": outputs["QuarantineBucket"],
    }
    options = ("--interactive", "--network", "host", *variables(**cloud.client_environment(), **own))
    output = docker("run", "--rm", *options, "--entrypoint", PYTHON, image, "-c", CALLS, stdin=json.dumps(event))
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


def first_answer(started: Function, stage: str) -> float:
    """Seconds from the container's start to the answer of its first call."""
    start = time.perf_counter()
    started.start()
    started.call(event(stage))
    return time.perf_counter() - start


def sizes(image: str) -> tuple[int, int]:
    """Bytes of the image, and of what its two layers add to the base."""
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image))
    layers = docker("history", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image).splitlines()
    own = [layer for layer in layers if "COPY /function /" in layer]
    return size, sum(int(layer.split()[0]) for layer in own)


@contextmanager
def refusing_aws(image: str) -> Iterator[tuple[str, str]]:
    """A network with an endpoint that answers 403 to everything: the quickest end of a function's first call."""
    network = f"filegate-measure-{uuid.uuid4().hex[:8]}"
    docker("network", "create", network)
    container = docker(
        *("run", "--detach", "--network", network, "--network-alias", "aws"),
        *("--entrypoint", PYTHON, image, "-c", REFUSING_AWS),
    )
    try:
        yield network, "http://aws:4566"
    finally:
        docker("rm", "--force", container)
        docker("network", "rm", network)


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIGURES.read_text())
    return found


def tables(figures: Mapping[str, Any]) -> str:
    """What docs/images.md shows of them."""
    lines = [
        f"Medians of {figures['times']} starts on {figures['machine']}. MB are 10⁶ bytes, uncompressed.",
        "",
        "| stage | image, MB | without its base, MB | `import handler`, ms | resident after it, MB "
        "| container with an empty handler, ms | cold start to first answer, ms | resident then, MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in figures["stages"]:
        stage, *numbers = row.values()
        lines.append(f"| {stage} | " + " | ".join(f"{number:.0f}" for number in numbers) + " |")
    lines += [
        "",
        "Processor time of a process that starts and is called twice, on the sample of flights; medians of "
        f"{figures['times']}.",
        "",
        "| state | start, ms | first call, ms | second call, ms |",
        "|---|--:|--:|--:|",
    ]
    for state, seconds in figures["states"].items():
        lines.append(f"| {state} | " + " | ".join(f"{1000 * each:.0f}" for each in seconds) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
