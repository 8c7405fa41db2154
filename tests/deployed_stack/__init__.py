"""A deployed CloudFormation stack, compared with its templates, on clouds that drop part of what templates ask for."""

from tests.deployed_stack.comparison import EXPECTED, Difference, StackDiffers, Unproved, compare

__all__ = ["EXPECTED", "Difference", "StackDiffers", "Unproved", "compare"]
