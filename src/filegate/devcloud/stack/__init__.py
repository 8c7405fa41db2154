"""A deployed CloudFormation stack, held against its templates, on clouds that drop part of what templates say."""

from filegate.devcloud.stack.reconcile import Difference, StackDiffers, Unproved, reconcile

__all__ = ["Difference", "StackDiffers", "Unproved", "reconcile"]
