"""Measures the stages' images and writes the table of docs/images.md.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.images.function import STAGES, Function, docker, event, function, variables

PAGE = Path("docs/images.md")
START, END = "<!-- measured -->\n", "<!-- end -->\n"
TIMES = 5
PYTHON = "/var/lang/bin/python3.13"

IMPORT = """
import json, time
start = time.perf_counter()
import handler
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"seconds": seconds, "kib": int(status["VmRSS"].split()[0])}))
"""
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
    with refusing_aws(f"{repository}/output:{tag}") as (network, endpoint):
        rows = [measure(stage, f"{repository}/{stage}:{tag}", network, endpoint) for stage in STAGES]
    table = render(rows)
    sys.stdout.write(table)
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(before + START + table + END + rest.partition(END)[2])


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


def render(rows: list[Measured]) -> str:
    machine = f"{os.cpu_count()} cores of {processor()}, Docker {docker('version', '--format', '{{.Server.Version}}')}"
    lines = [
        f"Medians of {TIMES} starts on {machine}, {platform.machine()}. MB are 10⁶ bytes, uncompressed.\n",
        "| stage | image, MB | without its base, MB | `import handler`, ms | resident after it, MB "
        "| container with an empty handler, ms | cold start to first answer, ms | resident then, MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        stage, *numbers = astuple(row)
        lines.append(f"| {stage} | " + " | ".join(f"{number:.0f}" for number in numbers) + " |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main()
