"""Inside the build: lays out what a function holds. Python alone, since the Lambda base has neither find nor sed.

    assemble.py install ARCHITECTURE    installs /tmp/requirements.txt for that platform
    assemble.py datasets                compiles the datasets that were copied there
    assemble.py compile                 compiles the modules that were copied there

All work on /function, which is then copied onto the base's root.
"""

import compileall
import gzip
import json
import os
import py_compile
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path("/function")
TASK = ROOT / "var" / "task"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
SECRETS = {"PIP_CERT": Path("/run/secrets/ca"), "PIP_CONFIG_FILE": Path("/run/secrets/pip_conf")}

AWS_SERVICES = {"dynamodb", "s3"}
"""botocore describes four hundred; the functions call these, and get their credentials from the environment."""


def install(architecture: str) -> None:
    machine = MACHINES[architecture]
    given = {variable: str(file) for variable, file in SECRETS.items() if file.exists() and file.stat().st_size}
    subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--root-user-action=ignore", "--no-cache-dir", "--no-compile", "--target", str(TASK)),
            *("--requirement", "/tmp/requirements.txt", "--require-hashes", "--only-binary=:all:"),  # noqa: S108
            *("--implementation", "cp", "--python-version", "3.13"),
            *("--platform", f"manylinux2014_{machine}", "--platform", f"manylinux_2_28_{machine}"),
        ],
        env=os.environ | given,
        check=True,
    )
    shutil.rmtree(TASK / "bin", ignore_errors=True)
    trim_descriptions(TASK / "botocore" / "data")
    for backend in TASK.glob("zstandard/*cffi*"):  # the one for PyPy
        backend.unlink()
    for library in TASK.rglob("*.so"):
        strip_symbols(library)


def trim_descriptions(data: Path) -> None:
    """Leaves of botocore's descriptions what makes the services' clients: each cold start parses all that is there."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in AWS_SERVICES:
            shutil.rmtree(folder)
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in AWS_SERVICES}
    (data / "endpoints.json").write_text(json.dumps(endpoints))
    for file in data.glob("*/*/service-2.json.gz"):
        described = without_documentation(json.loads(gzip.decompress(file.read_bytes())))
        file.write_bytes(gzip.compress(json.dumps(described).encode(), mtime=0))


def without_documentation(described: Any) -> Any:
    """A part of a service's description with its texts empty: 0.3 of 1.4 MB of S3's are left."""
    if isinstance(described, list):
        return [without_documentation(each) for each in described]
    if isinstance(described, dict):
        return {
            key: "" if key == "documentation" and isinstance(each, str) else without_documentation(each)
            for key, each in described.items()
        }
    return described


def strip_symbols(library: Path) -> None:
    """Cuts off what follows a library's last segment: symbol and debug tables, which the loader never reads.

    That is 40 of the 178 MB of polars. The format is that of elf(5), 64 bits, little-endian.
    """
    with library.open("r+b") as file:
        header = bytearray(file.read(64))
        if header[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"{library} is no 64-bit library.")
        (segments,) = struct.unpack_from("<Q", header, 0x20)
        size, count = struct.unpack_from("<HH", header, 0x36)
        file.seek(segments)
        table = file.read(size * count)
        ends = [segments + len(table)]
        for entry in range(0, len(table), size):
            (start,) = struct.unpack_from("<Q", table, entry + 0x08)
            (length,) = struct.unpack_from("<Q", table, entry + 0x20)
            ends.append(start + length)
        struct.pack_into("<Q", header, 0x28, 0)  # no section table any more,
        struct.pack_into("<HH", header, 0x3C, 0, 0)  # with no entries and no names
        file.seek(0)
        file.write(header)
        file.truncate(max(ends))


def compile_all() -> None:
    """Compiles every module; without bytecode each cold start would, as it may not be able to write any.

    The bytecode is never checked against its source, since an image does not change.
    """
    compiled = compileall.compile_dir(
        TASK,
        maxlevels=sys.maxsize,
        quiet=1,
        workers=0,
        stripdir=ROOT,
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit("Some modules do not compile.")


def compile_datasets() -> None:
    """Compiles the datasets, and so checks them; `install` has brought what that takes, for this machine's platform."""
    sys.path.insert(0, str(TASK))
    from filegate.dataset.registry import Registry  # noqa: PLC0415 - it is in what was copied

    for name, reason in Registry(TASK / "datasets").compile().items():
        sys.stdout.write(f"{name} stays in Python: it {reason}\n")


def normalize() -> None:
    """Any user may read everything; and the same content makes the same layer, whenever and wherever it is built."""
    for path in (ROOT, *ROOT.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


if __name__ == "__main__":
    if sys.argv[1] == "datasets":
        compile_datasets()
    else:
        if sys.argv[1] == "install":
            install(sys.argv[2])
        compile_all()
        normalize()
