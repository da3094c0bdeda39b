"""Rules as pages of text and Markdown and as JSON, made from their YAML alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import Any

from rlslint.registry import Example, Rule
from rlslint.report.escape import fenced, json_text
from rlslint.settings import Setting, toml


def page(rule: Rule) -> str:
    """What it finds, why it matters, what to do, bad and good, when to ignore it, references: plain text."""
    parts = [
        f"{rule.code} {rule.name}",
        f"severity {rule.severity}, confidence {rule.confidence}",
        f"What it finds\n\n{_sentence(rule)}\n\n{_indented(_message(rule))}",
        f"Why it matters\n\n{rule.rationale}",
        f"What to do\n\n{rule.help}",
    ]
    for example in rule.examples[:1]:
        parts.append(f"Given\n\n{_indented(example.given)}")
        parts.append(f"Bad: {example.title}\n\n{_indented(example.bad)}")
        if example.good:
            parts.append(f"Good\n\n{_indented(example.good)}")
    if rule.options:
        parts.append(f"Options, with their defaults\n\n{_indented(_options(rule))}")
    parts.append(
        f"When to ignore it\n\n{_when(rule)}{_indented(_ignore(rule))}\n\nOr in the configuration, for files or objects: "
        f"per-file-ignores, per-object-ignores.\nHow bad it is: severity in [rules.{rule.code}]."
    )
    if rule.references:
        parts.append("References\n\n" + "\n".join(f"- {reference}" for reference in rule.references))
    return "\n\n".join(parts) + "\n"


def markdown(rule: Rule) -> str:
    """The same in Markdown, with every example and the plans that a server makes of it: docs/rules/RLSnnn.md."""
    parts = [
        f"# {rule.code} {rule.name}",
        f"Severity {rule.severity}, confidence {rule.confidence}.",
        f"## What it finds\n\n{_sentence(rule)}\n\n{fenced(_message(rule), 'text')}",
        f"## Why it matters\n\n{rule.rationale}",
        f"## What to do\n\n{rule.help}",
        "## Examples",
    ]
    for example in rule.examples:
        parts += _example(example)
    if rule.options:
        parts.append(f"## Options\n\nIn `rlslint.toml`, here with their defaults:\n\n{fenced(_options(rule), 'toml')}")
    parts.append(
        f"## When to ignore it\n\n{_when(rule)}Say so with a reason, on the statement or the line before it:\n\n"
        f"{fenced(_ignore(rule))}\n\nFor files or objects, the configuration has `per-file-ignores` and "
        f"`per-object-ignores`; `severity` under `[rules.{rule.code}]` sets how bad it is."
    )
    if rule.references:
        parts.append("## References\n\n" + "\n".join(f"- <{reference}>" for reference in rule.references))
    return "\n\n".join(parts) + "\n"


def _example(example: Example) -> list[str]:
    title = example.title[:1].upper() + example.title[1:]
    parts = [f"### {title}", f"Given\n\n{fenced(example.given.strip())}", f"Bad\n\n{fenced(example.bad.strip())}"]
    if example.good:
        parts.append(f"Good\n\n{fenced(example.good.strip())}")
    rows = []
    for plan in example.plans:
        shown = [", ".join(f"`{node}`" for node in plan[form]) for form in ("bad", "good")]
        rows.append(f"| `{_cell(str(plan['sql']))}` | {' | '.join(shown)} |")
    for probe in example.probes:
        rows.append(f"| `{_cell(str(probe['sql']))}` | `{probe['bad']}` | `{probe['good']}` |")
    if rows:
        parts.append(
            "What PostgreSQL does, which the tests ask of a real server:\n\n| statement | bad | good |\n|---|---|---|\n"
            + "\n".join(rows)
        )
    return parts


def _cell(sql: str) -> str:
    return " ".join(sql.split()).replace("|", "\\|")


def summary(rule: Rule) -> str:
    """What it finds, in one line; of a rule that has none, its message."""
    return rule.summary or " ".join(_message(rule).split())


def _sentence(rule: Rule) -> str:
    """The summary as a sentence, before the message."""
    if not rule.summary:
        return "It says:"
    return f"{rule.summary[:1].upper()}{rule.summary[1:]}. It says:"


def _message(rule: Rule) -> str:
    """The message with its blanks as words: ``SELECT on <table> reads ...``."""
    words = " ".join(rule.message.split()).format_map(_Blanks())
    return "\n".join(wrap(words, 100, break_long_words=False, break_on_hyphens=False))


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "" if key.endswith("_note") else f"<{key.replace('_', ' ')}>"


def _when(rule: Rule) -> str:
    return f"{rule.ignore_when}\n\n" if rule.ignore_when else ""


def rules_json(rules: Iterable[Rule]) -> str:
    """The registry as JSON, for programs."""
    return json_text({"version": 1, "rules": [rule_json(rule) for rule in rules]})


def rule_json(rule: Rule) -> dict[str, Any]:
    """One rule."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "summary": summary(rule),
        "rationale": rule.rationale,
        "help": rule.help,
        "ignore_when": rule.ignore_when,
        "options": [
            {
                "name": name,
                "type": one.kind,
                "default": one.default,
                "choices": list(one.choices),
                "description": one.help,
            }
            for name, one in rule.options.items()
        ],
        "references": list(rule.references),
        "page": f"docs/rules/{rule.code}.md",
        "examples": [
            {"title": one.title, "given": one.given, "bad": one.bad, "good": one.good} for one in rule.examples
        ],
    }


def table(rules: Iterable[Rule]) -> str:
    """The registry as a Markdown table."""
    rows = [
        f"| [{rule.code}](docs/rules/{rule.code}.md) | {rule.name} | {rule.severity} | {rule.confidence} |\n"
        for rule in rules
    ]
    return "| code | name | severity | confidence |\n|---|---|---|---|\n" + "".join(rows)


def _options(rule: Rule) -> str:
    """A table of rlslint.toml to be copied."""
    lines = [f"[rules.{rule.code}]"]
    for name, one in rule.options.items():
        lines += [*wrap(f"{one.help}{_choices(one)}", 100, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"{name} = {toml(one.default)}")
    return "\n".join(lines)


def _choices(one: Setting) -> str:
    return f" One of {', '.join(map(str, one.choices))}." if one.choices else ""


def _ignore(rule: Rule) -> str:
    return f"-- rlslint: ignore[{rule.code}] why it is right here"


def _indented(sql: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in sql.strip().splitlines())


def listing(rules: Iterable[Rule]) -> str:
    """One line a rule."""
    return "".join(f"{rule.code}  {rule.severity:<7}  {rule.name}\n" for rule in rules)


def write_pages(rules: Iterable[Rule], folder: Path) -> None:
    """One page a rule, named by its code."""
    folder.mkdir(parents=True, exist_ok=True)
    for rule in rules:
        folder.joinpath(f"{rule.code}.md").write_text(markdown(rule), encoding="utf-8")
