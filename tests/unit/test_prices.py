"""The price table: what it says a quantity costs, and that every price can be looked up again."""

from datetime import UTC, datetime

import pytest

from filegate.runs import prices
from filegate.runs.prices import Price

TABLE = {name: value for name, value in vars(prices).items() if isinstance(value, Price)}


@pytest.mark.parametrize(
    ("price", "units", "usd"),
    [
        (prices.LAMBDA_GB_SECOND, 400_000, 5.33336),
        (prices.STATE_TRANSITION, 4_000, 0.10),
        (prices.S3_WRITE, 1_000_000, 5.00),
        (prices.DYNAMODB_WRITE, 1_000_000, 0.625),
        (prices.KMS_REQUEST, 2_000_000, 6.00),
        (prices.CLOUDTRAIL_DATA_EVENT, 2_000_000, 2.00),
        (prices.ALARM_MONTH, 0, 0),
    ],
)
def test_a_quantity_costs_what_the_pages_examples_say(price: Price, units: int, usd: float) -> None:
    assert price.of(units) == pytest.approx(usd)


def test_every_price_says_where_it_can_be_read() -> None:
    for name, price in TABLE.items():
        assert price.source.startswith("https://aws.amazon.com/"), name
        assert "/pricing/" in price.source, name
        assert price.usd > 0, name
        assert price.per in {1, 1_000, 10_000, 100_000, 1_000_000}, name


def test_the_prices_were_not_read_in_the_future() -> None:
    assert datetime.now(UTC).date() >= prices.READ_ON
