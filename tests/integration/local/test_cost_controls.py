"""The template for cost is deployed with the others where it is asked for, as far as the account may have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from filegate.devcloud.cloud import EmbeddedCloud
from tests.deployed_stack import Unproved, compare

EVERY_ACCOUNT = {"Cost.Budget", "Cost.DailySpend"}
PAYING_ACCOUNT = {"Cost.AnomalyMonitor", "Cost.AnomalySubscription", "Cost.CostCategory"}


@pytest.mark.parametrize(
    ("choice", "resources"), [("yes", EVERY_ACCOUNT | PAYING_ACCOUNT), ("member", EVERY_ACCOUNT), ("no", set())]
)
def test_cost_controls_are_what_was_chosen(images: Path, template: Path, choice: str, resources: set[str]) -> None:
    with EmbeddedCloud(images=images) as cloud:
        cloud.deploy({"CostControls": choice, "MonthlyBudget": "7"}, template=template)
        unproved = compare(cloud.session(), "filegate-local")
        assert {each for each in unproved if each.resource.startswith("Cost.")} == {
            Unproved(name, "", "no local cloud has a bill") for name in resources
        }
