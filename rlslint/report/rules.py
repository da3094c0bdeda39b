"""A rule as a page of text, made from its YAML alone."""

from __future__ import annotations

from rlslint.registry import Rule


def page(rule: Rule) -> str:
    """What it finds, why it matters, what to do, bad and good, references."""
    parts = [
        f"{rule.code} {rule.name}",
        f"severity {rule.severity}, confidence {rule.confidence}",
        rule.rationale,
        f"What to do\n\n{rule.help}",
    ]
    for example in rule.examples[:1]:
        parts.append(f"Bad\n\n{_indented(example.bad)}")
        if example.good:
            parts.append(f"Good\n\n{_indented(example.good)}")
    if rule.references:
        parts.append("References\n\n" + "\n".join(f"- {reference}" for reference in rule.references))
    return "\n\n".join(parts) + "\n"


def _indented(sql: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in sql.strip().splitlines())
