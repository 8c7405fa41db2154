"""Compile a pandera schema to a `Contract`, or refuse it with a message that says what to declare instead."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, cast

import polars as pl

from filegate.contract import casts, checks, messages, partitions
from filegate.contract.checks import NotRowWise
from filegate.contract.contract import Contract
from filegate.contract.reasons import type_rule
from filegate.contract.rules import CALLED, CAST_FAILED, Column, CompiledRule, Keep, Rule, Unique, is_null
from filegate.errors import DeclarationError
from filegate.formats.records import RESCUED, ROW

if TYPE_CHECKING:
    import pandera.polars as pa

_KEEP: dict[str, Keep] = {"all": "none", "exclude_first": "first", "exclude_last": "last"}

_PARSERS = "Clean values in the transform, or loosen the column's type."
_REJECTED = "Rejected rows always go to quarantine; drop it."
_UNSUPPORTED_IN_SCHEMAS = {
    "index": "polars has no index; declare its levels as columns.",
    "dtype": "Declare the dtype of each column instead.",
    "ordered": "Columns are found by name, in any order; drop it.",
    "parsers": _PARSERS,
    "add_missing_columns": "Declare each such column with required=False, and default= if it needs a value.",
    "on_missing_columns": "A missing column is an error, or with required=False accepted.",
    "drop_invalid_rows": _REJECTED,
}
_UNSUPPORTED_IN_COLUMNS = {
    "regex": "The accepted rows need one fixed set of columns; declare each column by its name.",
    "parsers": _PARSERS,
    "drop_invalid_rows": _REJECTED,
}
_UNSUPPORTED_IN_CHECKS = {
    "raise_warning": "A row is accepted or rejected; drop raise_warning, or the check.",
    "groupby": "Groups span chunks; check them in the transform, with transform_scope='object'.",
    "n_failure_cases": "Every broken row is kept; drop it.",
}
_ROW_WISE = (
    "Checks run chunk by chunk: return data.lazyframe.select(<a Boolean expression on columns of the same row>), "
    "or give a function of one value with element_wise=True; what needs many rows belongs in the transform, with "
    "transform_scope='object'."
)
_RESERVED = (ROW, RESCUED, "*")


def compile_contract(
    schema: type[pa.DataFrameModel] | pa.DataFrameSchema, *, dataset: str, partition_by: Collection[str] = ()
) -> Contract:
    """Compile a pandera schema.

    Args:
        schema: a `DataFrameModel` class or a `DataFrameSchema`, from `pandera.polars`.
        dataset: the dataset's name, for messages.
        partition_by: columns whose accepted values become folders as they are.

    Raises:
        DeclarationError: the schema is wrong, or has a check that cannot be evaluated row by row. The message has the
            dataset, the column, the check, and what to do.
    """
    return _Compiler(_as_schema(schema, dataset), dataset, partition_by).contract()


def _as_schema(schema: Any, dataset: str) -> pa.DataFrameSchema:
    import pandera.polars as pa  # noqa: PLC0415 - takes 200 ms, and only compiling needs it
    from pandera.backends.polars.register import register_polars_backends  # noqa: PLC0415

    register_polars_backends()  # else the built-in checks have no polars implementation before the first validate()
    if isinstance(schema, pa.DataFrameSchema):
        return schema
    if isinstance(schema, type) and issubclass(schema, pa.DataFrameModel):
        try:
            return schema.to_schema()
        except Exception as error:
            raise DeclarationError(
                f"Dataset {dataset!r}: pandera cannot build {schema.__name__}: {error}",
                advice="Correct the model; `to_schema()` of it gives the full traceback.",
            ) from error
    raise DeclarationError(
        f"Dataset {dataset!r}: schema is {schema!r}.",
        advice="Give a DataFrameModel class or a DataFrameSchema from pandera.polars.",
    )


class _Compiler:
    """Compiles one schema."""

    def __init__(self, schema: pa.DataFrameSchema, dataset: str, partition_by: Collection[str]) -> None:
        self._schema = schema
        self._dataset = dataset
        self._partition_by = partition_by
        self._codes: set[str] = set()

    def contract(self) -> Contract:
        self._refuse(self._schema, _UNSUPPORTED_IN_SCHEMAS, "")
        if not self._schema.columns:
            raise self._error("the schema has no columns", "Declare at least one.")
        columns = tuple(self._column(name, declared) for name, declared in self._schema.columns.items())
        dtypes = {column.name: column.dtype for column in columns}
        rules: list[CompiledRule] = []
        for column in columns:
            rules += self._cell_rules(column)
            rules += self._check_rules(self._schema.columns[column.name].checks, column.name, dtypes)
            if column.name in self._partition_by and isinstance(column.dtype, casts.TEXTS):
                rule = Rule(self._code(column.name, "partition"), column.name, partitions.allowed(column.name))
                rules.append(CompiledRule(rule, partitions.not_a_folder(column.name)))
        rules += self._check_rules(self._schema.checks, None, dtypes)
        strict = cast("bool | Literal['filter']", self._schema.strict)
        return Contract(columns=columns, compiled_rules=tuple(rules), uniques=self._uniques(), strict=strict)

    def _column(self, name: str, declared: Any) -> Column:
        where = f"column {name!r}"
        if name in _RESERVED:
            raise self._error(f"{where}: the name is reserved", "Rename the column in the file and the schema.")
        self._refuse(declared, _UNSUPPORTED_IN_COLUMNS, f"{where}: ")
        column = Column(
            name=name,
            dtype=self._dtype(declared.dtype, where),
            nullable=declared.nullable,
            required=declared.required,
            coerce=self._schema.coerce or declared.coerce,
            default=declared.default,
        )
        self._try_default(column)
        return column

    def _dtype(self, declared: Any, where: str) -> pl.DataType:
        known = ", ".join(dtype.__name__ for dtype in casts.SUPPORTED)
        if declared is None:
            raise self._error(f"{where}: no dtype is declared", f"Declare one of {known}.")
        dtype = declared.type() if isinstance(declared.type, type) else declared.type
        # pandera's Category is a String whose categories pandera alone checks, while coercing.
        if not isinstance(dtype, casts.SUPPORTED) or type(declared).__name__ == "Category":
            raise self._error(f"{where}: values of type {declared} are not supported", f"Use one of {known}.")
        return dtype

    def _try_default(self, column: Column) -> None:
        if column.default is None:
            return
        try:
            value = pl.select(pl.lit(column.default, dtype=column.dtype)).item()
        except Exception:  # polars raises many kinds
            value = None
        if value is None:
            raise self._error(
                f"column {column.name!r}: default={column.default!r} is not a value of {column.dtype}",
                f"Give {messages.of_type(column.dtype)}.",
            )

    def _cell_rules(self, column: Column) -> Iterator[CompiledRule]:
        """The rules on a column's type and nullability."""
        if column.dtype != pl.String:
            yield type_rule(self._code(column.name, "type"), column)
        if not column.nullable:
            yield CompiledRule(Rule(self._code(column.name, "not_null"), column.name, "a value"), is_null(column))

    def _check_rules(self, declared: Any, column: str | None, dtypes: dict[str, pl.DataType]) -> Iterator[CompiledRule]:
        for check in declared or []:
            name = checks.kind(check)
            where = f"{'the whole frame' if column is None else f'column {column!r}'}, check {name!r}: "
            self._refuse(check, _UNSUPPORTED_IN_CHECKS, where)
            try:
                passes = checks.check_expression(check, column, dtypes)
            except NotRowWise as reason:
                raise self._error(f"{where}it {reason}", _ROW_WISE) from None
            except Exception as error:
                raise self._error(
                    f"{where}it fails on columns of the declared types with {type(error).__name__}: {_gist(error)}",
                    "Correct the check, or the type of the column.",
                ) from error
            rule = Rule(self._code(column or "*", name), column, messages.of_check(check))
            breaks = pl.col(CALLED + rule.code) if passes is None else ~passes.fill_null(check.ignore_na)
            if column is not None:
                breaks &= ~pl.col(CAST_FAILED + column)  # such a cell breaks the rule of its type only
            yield CompiledRule(rule, breaks, check if passes is None else None)

    def _uniques(self) -> tuple[Unique, ...]:
        found = []
        for name, declared in self._schema.columns.items():
            if declared.unique:
                found.append(Unique(self._code(name, "unique"), (name,), _KEEP[declared.report_duplicates]))
        joint: list[Any] = list(self._schema.unique or [])
        for group in [joint] if all(isinstance(name, str) for name in joint) else joint:
            for name in group:
                if name not in self._schema.columns:
                    raise self._error(f"unique={name!r} is not a column", "Use columns of the schema.")
            if group:
                code = self._code("*", f"unique({','.join(group)})")
                found.append(Unique(code, tuple(group), _KEEP[self._schema.report_duplicates]))
        return tuple(found)

    def _code(self, subject: str, what: str) -> str:
        """`subject:what`, then `subject:what_2` and so on: codes are unique."""
        code = f"{subject}:{what}"
        if code in self._codes:
            code = next(c for n in count(2) if (c := f"{subject}:{what}_{n}") not in self._codes)
        self._codes.add(code)
        return code

    def _refuse(self, declared: Any, options: dict[str, str], where: str) -> None:
        for option, advice in options.items():
            value = getattr(declared, option, None)
            if value:
                raise self._error(f"{where}{option}={value!r} is not supported", advice)

    def _error(self, problem: str, advice: str) -> DeclarationError:
        return DeclarationError(f"Dataset {self._dataset!r}: {problem}.", advice=advice)


def _gist(error: Exception) -> str:
    """The first paragraph of a message; polars appends its query plan."""
    return " ".join(str(error).split("\n\n")[0].split()) or "no message"
