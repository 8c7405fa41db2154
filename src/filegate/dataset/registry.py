"""Finds the datasets: `<folder>/<name>.py` declares the dataset `<name>`."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from filegate.errors import DeclarationError, UnknownDataset

if TYPE_CHECKING:
    from filegate.dataset.declaration import Dataset, Declaration, References

COMPILED = ".compiled"
"""What the file of a compiled dataset ends with; it lies beside the module."""


class Datasets(Protocol):
    """Some datasets by name.

    Every method raises `UnknownDataset` where there is none of that name, and `DeclarationError` where it is declared
    wrongly.
    """

    @property
    def folder(self) -> Path:
        """Where modules and reference tables lie."""
        ...

    def __getitem__(self, name: str) -> Declaration:
        """What the dataset declares."""
        ...

    def dataset(self, name: str) -> Dataset:
        """The dataset with its code."""
        ...

    def references(self, name: str) -> References:
        """Its reference tables, each read when it is first used."""
        ...


class OneDataset:
    """A dataset that is at hand; its reference tables lie in `folder`."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.folder = folder
        self._dataset = dataset

    def __getitem__(self, name: str) -> Declaration:
        return self.dataset(name)

    def dataset(self, name: str) -> Dataset:
        if name != self._dataset.name:
            raise _unknown(f"There is no dataset {name!r}, only {self._dataset.name!r}.")
        return self._dataset

    @cached_property
    def _references(self) -> References:
        return _references(self._dataset, self.folder)

    def references(self, name: str) -> References:
        self.dataset(name)
        return self._references


class Registry:
    """The datasets of one folder. See `Datasets` for the methods.

    A module is imported when its dataset is first asked for, so one that is broken harms no other; and not for its
    declaration alone where that was compiled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._declarations: dict[str, Declaration] = {}
        self._datasets: dict[str, Dataset] = {}
        self._references: dict[str, References] = {}

    def names(self) -> list[str]:
        """The declared names, from the files alone.

        Raises:
            DeclarationError: the folder is missing.
        """
        if not self.folder.is_dir():  # output's image has none, and needs none
            raise DeclarationError(
                f"{self.folder} is not a folder.",
                advice="Name the one with the datasets by --datasets or FILEGATE_DATASETS.",
            )
        return sorted(file.stem for file in self.folder.glob("*.py") if not file.stem.startswith("_"))

    def __iter__(self) -> Iterator[Declaration]:
        return (self[name] for name in self.names())

    def __getitem__(self, name: str) -> Declaration:
        if name not in self._declarations:
            self._declarations[name] = self._compiled(name) or self.dataset(name)
        return self._declarations[name]

    def dataset(self, name: str) -> Dataset:
        if name not in self._datasets:
            self._datasets[name] = _declared(self._module(name))
        return self._datasets[name]

    def references(self, name: str) -> References:
        if name not in self._references:
            self._references[name] = _references(self[name], self.folder)
        return self._references[name]

    def compile(self) -> dict[str, str]:
        """Compiles what can be: from then on, declarations are read without importing their modules.

        Returns:
            The datasets that stay as they are, each with the reason.

        Raises:
            DeclarationError: one is declared wrongly.
        """
        from filegate.dataset.compiled import NotData, write_compiled  # noqa: PLC0415 - see _declared

        reasons = {}
        for name in self.names():
            try:
                write_compiled(self._module(name), partial(self.dataset, name))
            except NotData as reason:
                reasons[name] = str(reason)
        return reasons

    def _compiled(self, name: str) -> Declaration | None:
        """The declaration as it was compiled; None if it was not, or from something else."""
        module = self._module(name)
        if not module.with_suffix(COMPILED).is_file():
            return None
        from filegate.dataset.compiled import read_compiled  # noqa: PLC0415 - see _declared

        return read_compiled(module, partial(self.dataset, name))

    def _module(self, name: str) -> Path:
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise _unknown(f"No dataset {name!r} is declared; there are {', '.join(self.names()) or 'none'}.{guess}")
        return self.folder / f"{name}.py"


def _unknown(problem: str) -> UnknownDataset:
    return UnknownDataset(problem, advice="The first part of an object's key names its dataset: <dataset>/<file>.")


def _references(dataset: Declaration, folder: Path) -> References:
    from filegate.dataset.declaration import References  # noqa: PLC0415 - see _declared

    files = {table: folder / file for table, file in dataset.references.items()}
    if missing := [str(file) for file in files.values() if not file.is_file()]:
        raise DeclarationError(
            f"Dataset {dataset.name!r}: reference files {missing} do not exist.",
            advice="Paths are relative to the dataset's module.",
        )
    return References(files)


def _declared(file: Path) -> Dataset:
    # Brings polars and pandera: the output function has a registry, but never asks it for a dataset.
    from filegate.dataset.declaration import Dataset  # noqa: PLC0415

    module = _imported(file)
    found = [value for value in vars(module).values() if isinstance(value, Dataset)]
    if len(found) != 1:
        raise DeclarationError(
            f"{file.name} declares {len(found)} datasets.", advice="Write one `dataset = Dataset(...)` in each module."
        )
    if found[0].name != file.stem:
        raise DeclarationError(
            f"{file.name} declares the dataset {found[0].name!r}.",
            advice=f"Name the module {found[0].name}.py or the dataset {file.stem!r}.",
        )
    return found[0]


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"filegate_datasets.{file.stem}", file)
    if spec is None or spec.loader is None:
        raise DeclarationError(f"{file} is not a Python module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pandera and pickle look classes up by their module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # an edit within a second would go unseen
    try:
        spec.loader.exec_module(module)
    except DeclarationError as error:
        raise DeclarationError(f"{file.name}: {error.problem}", advice=error.advice) from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        line = f":{frames[-1].lineno}" if frames else ""
        raise DeclarationError(f"{file.name}{line}: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = writes
    return module
