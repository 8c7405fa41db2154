"""AWS Security Hub's controls, and what the templates answer to each: docs/security-controls.md, by `make pages`."""

from __future__ import annotations

from itertools import groupby

from scripts.controls import CONTROLS, Control, Excepted
from scripts.deployment import PRODUCTION, Deployment, Resource, Template, declared, load_templates

_HEADING = "\n## Suppressed rules of checkov\n\n"


def tables() -> str:
    """The controls and the suppressed rules of the templates, as deployed in production."""
    templates = load_templates()
    return _controls(Deployment(templates, PRODUCTION)) + _HEADING + _suppressions(templates)


def _controls(deployment: Deployment) -> str:
    rows = ["| control | resources | result |", "|---|---|---|"]
    for control in CONTROLS:
        looked_at = [finding.resource for finding in control.findings(deployment)]
        name = f"[{control.id}]({control.source}) {control.title}"
        rows.append(f"| {name} | {_grouped(looked_at)} | {_result(control, deployment)} |")
    return "\n".join(rows) + "\n"


def _result(control: Control, deployment: Deployment) -> str:
    outcome = control.outcome(deployment)
    if outcome == "not applicable":
        return f"not applicable: {control.not_applicable}"
    findings = control.findings(deployment)
    if outcome == "FAILED":
        failed = [finding.resource for finding in findings if finding.verdict is False]
        return f"**FAILED**: {_grouped(failed) or 'no such resource'}"
    excepted = [
        f"{finding.resource.id}: {finding.verdict.reason}"
        for finding in findings
        if isinstance(finding.verdict, Excepted)
    ]
    return f"passed, except {' '.join(excepted)}" if excepted else "passed"


def _grouped(resources: list[Resource]) -> str:
    """Resources by template: `storage: RawBucket, StagingBucket`."""
    return "; ".join(
        f"{template}: {', '.join(resource.id for resource in members)}"
        for template, members in groupby(resources, lambda resource: resource.template)
    )


def _suppressions(templates: dict[str, Template]) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for stem, template in templates.items():
        for name, resource in declared(template).items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                reasons.setdefault((skip["id"], skip["comment"]), []).append(f"{stem}: {name}")
    rows = ["| rule | resources | why it does not apply |", "|---|---|---|"]
    rows += [f"| {rule} | {', '.join(where)} | {reason} |" for (rule, reason), where in sorted(reasons.items())]
    return "\n".join(rows) + "\n"
