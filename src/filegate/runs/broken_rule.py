"""A rule that a row broke: the one description that readers, the contract, the quarantine and operators share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One broken rule of one row.

    Attributes:
        rule: its code, for example "record:fields" or "carrier:type"; never text of the record, since codes are logged.
        column: the contract's column, or None for the record as a whole.
        value: what was received, or None.
        allowed: what would have been accepted, for a person to read.
    """

    rule: str
    column: str | None
    value: str | None
    allowed: str
