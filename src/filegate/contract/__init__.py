"""The contract of a dataset: a pandera schema, compiled into polars expressions that are evaluated on every row.

pandera is the language the contract is declared in; polars executes it. One pass over a chunk casts its strings,
evaluates every rule, and splits the rows into accepted ones and rejected ones with each rule that they broke.
"""

from filegate.contract.compiler import compile_contract
from filegate.contract.contract import Contract
from filegate.contract.directives import UnsupportedFormat
from filegate.contract.evaluation import Evaluation, Split
from filegate.contract.rules import Column, Rule, Unique

__all__ = ["Column", "Contract", "Evaluation", "Rule", "Split", "Unique", "UnsupportedFormat", "compile_contract"]
