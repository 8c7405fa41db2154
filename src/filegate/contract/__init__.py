"""The contract of a dataset: a pandera schema, compiled into polars expressions that judge every row.

pandera is the language the contract is declared in; polars executes it. One pass over a chunk casts its texts, applies
every rule, and parts the rows into accepted ones and rejected ones that carry each rule they broke.
"""

from filegate.contract.compiler import compile_contract
from filegate.contract.contract import Contract
from filegate.contract.evaluation import Checked, Split
from filegate.contract.rules import Column, Rule, Unique

__all__ = ["Checked", "Column", "Contract", "Rule", "Split", "Unique", "compile_contract"]
