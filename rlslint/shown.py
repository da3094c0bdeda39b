"""A configuration and the rules in; its values and where each comes from out, as TOML and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rlslint.config import Configuration
from rlslint.registry import Rule
from rlslint.report.escape import json_text, printable
from rlslint.settings import SETTINGS, toml


def as_text(configuration: Configuration, rules: Mapping[str, Rule]) -> str:
    """One line a key, in TOML; the file that sets it, or ``default``, behind it. Of the rules those that have options, or
    of which something is set."""
    lines: list[str] = []
    tables: list[str] = []
    for key, setting in SETTINGS.items():
        if key == "extend":
            continue
        if key == "rules":
            tables += _rules(configuration, rules)
            continue
        value, origin = _value(configuration, key)
        if isinstance(value, dict):
            tables += [
                f"\n[{key}]  # {printable(origin)}",
                *(f"{json.dumps(name)} = {toml(one)}" for name, one in value.items()),
            ]
        elif value is None:
            lines.append(f"# {key}: {setting.help}")
        else:
            lines.append(f"{key} = {toml(value)}  # {printable(origin)}")
    return "\n".join(printable(line) if not line.startswith("\n") else line for line in [*lines, *tables]) + "\n"


def _rules(configuration: Configuration, rules: Mapping[str, Rule]) -> Iterator[str]:
    for code, options in _by_rule(configuration, rules).items():
        yield f"\n[rules.{code if code.isalnum() else json.dumps(code)}]"
        yield from (f"{key} = {toml(value)}  # {origin or 'default'}" for key, (value, origin) in options.items())


def _by_rule(configuration: Configuration, rules: Mapping[str, Rule]) -> dict[str, dict[str, tuple[Any, str | None]]]:
    """What is set of each rule or family and the file that sets it, and the options with a default."""
    origin = configuration.origins["rules"].as_posix() if "rules" in configuration.origins else None
    found: dict[str, dict[str, tuple[Any, str | None]]] = {
        code: {key: (one.default, None) for key, one in rule.options.items()}
        for code, rule in rules.items()
        if rule.options
    }
    for given, table in configuration.values.get("rules", {}).items():
        found.setdefault(given.upper(), {}).update({key: (value, origin) for key, value in table.items()})
    return dict(sorted(found.items()))


def as_json(configuration: Configuration, rules: Mapping[str, Rule]) -> str:
    """``{key: {"value": ..., "origin": ...}}``, under ``rules`` the same by code; origin is null for a default."""
    data: dict[str, Any] = {}
    for key in SETTINGS:
        if key == "rules":
            data[key] = {
                code: {one: {"value": value, "origin": origin} for one, (value, origin) in options.items()}
                for code, options in _by_rule(configuration, rules).items()
            }
        elif key != "extend":
            value, _ = _value(configuration, key)
            origin = configuration.origins.get(key)
            data[key] = {"value": value, "origin": None if origin is None else origin.as_posix()}
    return json_text(data)


def _value(configuration: Configuration, key: str) -> tuple[Any, str]:
    if key in configuration.values:
        return configuration.values[key], configuration.origins[key].as_posix()
    return SETTINGS[key].default, "default"
