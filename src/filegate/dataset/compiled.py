"""Compiled datasets: a module's declaration as data, in a file beside it, so that reading it takes no pandera.

What bytecode is to a module, this is to the dataset in it: the build of an image makes it, it is used only where it
belongs to this very source, and trusted as the source is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import filegate
from filegate.contract import Contract
from filegate.dataset.declaration import Dataset, Declaration
from filegate.dataset.registry import COMPILED

if TYPE_CHECKING:
    from types import FrameType

    from pandera.polars import Check

RELEASES = {"filegate": filegate.__version__, "polars": pl.__version__, "pandera": version("pandera")}
CLOCKS = {dt.date.today, dt.datetime.today, dt.datetime.now, dt.datetime.utcnow, time.time, time.localtime}


class NotData(Exception):
    """Why a dataset cannot be compiled; `str()` completes the sentence "It …"."""


def read_compiled(module: Path, dataset: Callable[[], Dataset]) -> Declaration | None:
    """The declaration of the dataset in `module`, which was compiled; None if that was from something else.

    Args:
        module: the dataset's module.
        dataset: gives the dataset itself; called when a check in Python is first needed.
    """
    content = module.with_suffix(COMPILED).read_bytes()
    declaration = content[hashlib.sha256().digest_size :]
    if content != _sealed(module, declaration):
        return None
    bare: Declaration = pickle.loads(declaration)  # noqa: S301 - it lies where the code does
    return replace(bare, contract=_with_checks(bare.contract, lambda code: _LateCheck(dataset, code)))


def write_compiled(module: Path, dataset: Callable[[], Dataset]) -> None:
    """Compiles the dataset in `module`.

    Args:
        module: the dataset's module.
        dataset: imports it.

    Raises:
        NotData: its declaration is more than data. All goes on as without this, only slower.
        DeclarationError: it is declared wrongly.
    """
    file = module.with_suffix(COMPILED)
    file.unlink(missing_ok=True)
    with _clocks_watched(module.parent):
        declaration = dataset().declaration()
    bare = replace(declaration, contract=_with_checks(declaration.contract, lambda code: code))
    try:
        data = pickle.dumps(bare)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise NotData(f"holds what cannot be written down: {error}") from error
    file.write_bytes(_sealed(module, data))


def _sealed(module: Path, declaration: bytes) -> bytes:
    """The declaration behind the hash of all that it was made from: the folder's sources, and the libraries.

    A module may import any other of its folder.
    """
    made_from = hashlib.sha256(declaration)
    made_from.update(repr(sorted(RELEASES.items())).encode())
    for source in sorted(module.parent.rglob("*.py")):
        name, content = str(source.relative_to(module.parent)), source.read_bytes()
        made_from.update(f"{name} {len(content)}\0".encode())
        made_from.update(content)
    return made_from.digest() + declaration


def _with_checks(contract: Contract, check: Callable[[str], Any]) -> Contract:
    """The contract with others in the place of its checks in Python, by their rules' codes."""
    return replace(
        contract,
        compiled_rules=tuple(
            each if each.check is None else replace(each, check=check(each.rule.code))
            for each in contract.compiled_rules
        ),
    )


class _LateCheck:
    """A check in Python: its dataset's module is imported when it is first called."""

    def __init__(self, dataset: Callable[[], Dataset], code: str) -> None:
        self._dataset = dataset
        self._code = code

    def __call__(self, *arguments: Any) -> Any:
        return self._check(*arguments)

    @cached_property
    def _check(self) -> Check:
        rules = self._dataset().contract.compiled_rules
        (check,) = (each.check for each in rules if each.rule.code == self._code)
        assert check is not None
        return check


@contextlib.contextmanager
def _clocks_watched(folder: Path) -> Iterator[None]:
    """Refuses a module that asks for the time: what it declares would stay of the day that the image was built.

    Raises:
        NotData: it asked.
    """
    asked: list[str] = []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called in CLOCKS:
            source = Path(frame.f_code.co_filename)
            if source.is_relative_to(folder):
                asked.append(f"{source.name}:{frame.f_lineno}")

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
    if asked:
        raise NotData(f"asks for the time at {asked[0]}")
