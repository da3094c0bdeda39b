"""A configuration in; its values and where each comes from out, as TOML and as JSON."""

from __future__ import annotations

import json
from typing import Any

from rlslint.config import Configuration
from rlslint.report.escape import json_text, printable
from rlslint.settings import SETTINGS


def as_text(configuration: Configuration) -> str:
    """One line a key, in TOML; the file that sets it, or ``default``, behind it."""
    lines: list[str] = []
    tables: list[str] = []
    for key, setting in SETTINGS.items():
        if key == "extend":
            continue
        value, origin = _value(configuration, key)
        if isinstance(value, dict):
            tables += [
                f"\n[{key}]  # {printable(origin)}",
                *(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()),
            ]
        elif value is None:
            lines.append(f"# {key}: {setting.help}")
        else:
            lines.append(f"{key} = {_toml(value)}  # {printable(origin)}")
    return "\n".join(printable(line) if not line.startswith("\n") else line for line in [*lines, *tables]) + "\n"


def as_json(configuration: Configuration) -> str:
    """``{key: {"value": ..., "origin": ...}}``; origin is null for a default."""
    data: dict[str, Any] = {}
    for key in SETTINGS:
        if key != "extend":
            value, _ = _value(configuration, key)
            origin = configuration.origins.get(key)
            data[key] = {"value": value, "origin": None if origin is None else origin.as_posix()}
    return json_text(data)


def _value(configuration: Configuration, key: str) -> tuple[Any, str]:
    if key in configuration.values:
        return configuration.values[key], configuration.origins[key].as_posix()
    return SETTINGS[key].default, "default"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
