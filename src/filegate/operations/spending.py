"""What a deployment costs: what AWS bills for what bears its tags, and what its runs are estimated to have cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from filegate.errors import FilegateError
from filegate.operations.cloud import CLIENT
from filegate.operations.find import latest
from filegate.operations.result import estimate
from filegate.storage.ledger import Ledger

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_ce import CostExplorerClient
    from mypy_boto3_ce.type_defs import ExpressionTypeDef, GetCostAndUsageRequestTypeDef, ResultByTimeTypeDef

By = Literal["service", "project", "environment", "component"]

TAGS: Mapping[By, str] = {"project": "Project", "environment": "Environment", "component": "Component"}
"""The tags of every resource of the templates that takes any."""
PROJECT = "filegate"
UNTAGGED = "(untagged)"
_Amounts = defaultdict[date, defaultdict[str, float]]
_METRIC = "UnblendedCost"
_NOT_ENABLED = "not enabled for cost explorer"


class NoBill(FilegateError):
    """Cost Explorer does not show what this deployment is billed."""


@dataclass(frozen=True)
class Spending:
    """Costs by day, and by service, tag value or dataset; days without any are not in it."""

    days: Mapping[date, Mapping[str, float]]
    currency: str = "USD"

    def on(self, day: date) -> float:
        return sum(self.days.get(day, {}).values())

    @property
    def by_name(self) -> dict[str, float]:
        """The same over all days, the most costly first."""
        totals: defaultdict[str, float] = defaultdict(float)
        for amounts in self.days.values():
            for name, amount in amounts.items():
                totals[name] += amount
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    @property
    def bears_tags(self) -> bool:
        """Whether some cost was found by the tags that were asked for."""
        return any(amount for name, amount in self.by_name.items() if name != UNTAGGED)


def last_days(count: int, now: datetime) -> list[date]:
    """The last `count` days in UTC, the present one included."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(count))]


def cost_explorer(session: boto3.Session) -> CostExplorerClient | None:
    """Cost Explorer's client; None on a cloud of this machine, which has no bill."""
    client = session.client("ce", config=CLIENT)
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return client if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")) else None


def billed(client: CostExplorerClient, environment: str, days: Sequence[date], by: By) -> Spending:
    """What AWS bills on these days, as far as tags show. Every page of the answer costs one cent.

    By service and by component, it is what bears both tags, Project and Environment. By environment, it is all that
    bears the tag Project; and by project, all that this account is billed. Some of what a deployment causes bears no
    tag, such as its custom metrics: docs/cost.md names it.

    Raises:
        NoBill: this user may not know, or Cost Explorer has no data.
    """
    request: GetCostAndUsageRequestTypeDef = {
        "TimePeriod": {"Start": days[0].isoformat(), "End": (days[-1] + timedelta(days=1)).isoformat()},
        "Granularity": "DAILY",
        "Metrics": [_METRIC],
        "GroupBy": [{"Type": "TAG", "Key": TAGS[by]} if by in TAGS else {"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    project, own = _tagged("Project", PROJECT), _tagged("Environment", environment)
    if by != "project":
        request["Filter"] = project if by == "environment" else {"And": [project, own]}
    currency = "USD"
    amounts: _Amounts = defaultdict(lambda: defaultdict(float))
    for result in _results(client, request):
        day = date.fromisoformat(result["TimePeriod"]["Start"])
        for group in result.get("Groups", []):
            cost = group["Metrics"][_METRIC]
            currency = cost["Unit"]
            amounts[day][_name(group["Keys"][0], by)] += float(cost["Amount"])
    return Spending(amounts, currency)


def inactive_tags(client: CostExplorerClient) -> list[str] | None:
    """Our tags that are not active for cost allocation; None if only the organisation's management account may know."""
    wanted = list(TAGS.values())
    try:
        known = client.list_cost_allocation_tags(TagKeys=wanted, Type="UserDefined")["CostAllocationTags"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException":
            return None
        raise
    active = {tag["TagKey"] for tag in known if tag["Status"] == "Active"}
    return [key for key in wanted if key not in active]


def activation(tags: Sequence[str]) -> str:
    """The command that activates tags for cost allocation."""
    states = " ".join(f"TagKey={key},Status=Active" for key in tags)
    return f"aws ce update-cost-allocation-tags-status --cost-allocation-tags-status {states}"


def estimated(ledger: Ledger, days: Sequence[date]) -> Spending:
    """What the runs that started on these days are estimated to have cost, by dataset."""
    amounts: _Amounts = defaultdict(lambda: defaultdict(float))
    for run in latest(ledger, since=datetime.combine(days[0], time(), UTC)):
        amounts[date.fromisoformat(run.started_at[:10])][run.dataset] += estimate(run)
    return Spending(amounts)


def _results(client: CostExplorerClient, request: GetCostAndUsageRequestTypeDef) -> Iterator[ResultByTimeTypeDef]:
    """Every page: boto3 has no paginator for it."""
    try:
        while True:
            answer = client.get_cost_and_usage(**request)
            yield from answer["ResultsByTime"]
            if "NextPageToken" not in answer:
                return
            request = {**request, "NextPageToken": answer["NextPageToken"]}
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "DataUnavailableException" or _NOT_ENABLED in message.lower():
            raise NoBill(
                f"Cost Explorer has no data: {message.rstrip('.')}.",
                advice="Open it once in the Billing console of the account that pays; its data is there a day later.",
            ) from error
        if code == "AccessDeniedException":
            raise NoBill(
                f"This user may not see costs: {message.rstrip('.')}.",
                advice="Ask for ce:GetCostAndUsage. In an organisation, its management account has to allow its "
                "members to see their costs, too.",
            ) from error
        raise


def _tagged(key: str, value: str) -> ExpressionTypeDef:
    return {"Tags": {"Key": key, "Values": [value], "MatchOptions": ["EQUALS"]}}


def _name(key: str, by: By) -> str:
    """The group that Cost Explorer calls `AWS Lambda` or, of a tag, `Component$functions`."""
    return key if by == "service" else key.partition("$")[2] or UNTAGGED
