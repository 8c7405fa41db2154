"""pandera takes longer to import than polars, so only compiling a contract may need it."""

from __future__ import annotations


def test_the_words_of_the_contract_do_not_import_pandera(printed):
    assert printed("import sys, filegate.contract; print('pandera' in sys.modules)") == "False\n"
