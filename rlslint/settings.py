"""Every key of the configuration: its type, its choices and what it is for. Nothing else lists them, but for the options
of single rules, which stand in the rules' YAML.

Validation, the JSON schema, ``rlslint config`` and ``rlslint init`` are made from this table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from rlslint.records import dataclass

Kind = Literal["text", "number", "flag", "texts", "codes by pattern", "rules", "databases"]


class SettingError(Exception):
    """A key or a value that the configuration cannot have; the message lacks the file's name."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key."""

    kind: Kind
    help: str
    default: Any = None
    """As TOML would write it; None for nothing."""
    choices: tuple[Any, ...] = ()
    is_path: bool = False
    """Relative to the configuration's folder."""
    least: int | None = None
    """The smallest number that it may be."""


PRESETS: Final = ("auto", "supabase", "postgrest", "none")
"""What ``preset`` may be: replay/presets holds a file of each but the first, which chooses, and the last."""

_DATABASE: Final[Mapping[str, Setting]] = {
    "paths": Setting("texts", "Migration folders or files, relative to this file.", is_path=True),
    "layout": Setting("text", "Layout of the migrations: which files run and in which order.", "auto"),
    "preset": Setting(
        "text",
        "What exists before the first migration: roles, schemas, session functions.",
        "auto",
        PRESETS,
    ),
    "pg-version": Setting("number", "PostgreSQL major version.", 17, (14, 15, 16, 17, 18)),
    "hot": Setting("texts", "Tables that take many inserts: globs of table or schema.table."),
    "stats": Setting("text", "Row counts and inserts, exported from pg_stat_user_tables.", is_path=True),
    "small-rows": Setting(
        "number", "Rows, by stats, below which reading the whole table is no finding.", 1000, least=0
    ),
    "hot-inserts": Setting("number", "Inserted rows, by stats, that make a table hot.", 100_000, least=1),
    "exposed-schemas": Setting("texts", "Schemas that an API serves; the preset knows its own."),
    "anonymous-roles": Setting(
        "texts", "Roles that an API's requests without a signed-in user run as.", ["anon", "web_anon"]
    ),
    "signed-in-roles": Setting("texts", "Roles that an API's requests of signed-in users run as.", ["authenticated"]),
    "connects-as-owner": Setting("flag", "The application connects as the role that owns the tables.", False),
}

SETTINGS: Final[Mapping[str, Setting]] = {
    "extend": Setting(
        "text", "Another configuration file, whose values hold where this one says nothing.", is_path=True
    ),
    **_DATABASE,
    "databases": Setting("databases", "Several databases in one repository, each with its own migrations."),
    "select": Setting("texts", "Codes or prefixes to report; none means all."),
    "ignore": Setting("texts", "Codes or prefixes not to report."),
    "per-file-ignores": Setting("codes by pattern", "Codes not to report in files, by glob of their path."),
    "per-object-ignores": Setting(
        "codes by pattern", "Codes not to report on objects, by glob of schema.table or schema.table.policy."
    ),
    "rules": Setting("rules", "Options of single rules or families, by code or prefix."),
    "fail-on": Setting(
        "text",
        "Least severe finding that makes the exit status 1.",
        "warning",
        ("error", "warning", "info", "never"),
    ),
    "baseline": Setting("text", "File of known findings, which are not reported.", is_path=True),
    "user-editable-claims": Setting(
        "texts",
        "Claims and columns that users can change themselves.",
        ["user_metadata", "raw_user_meta_data", "unsafe_metadata"],
    ),
    "max-file-size": Setting("number", "Bytes of a file that are read, COPY data not counted.", 256_000_000),
    "max-statement-size": Setting("number", "Characters of a statement that are parsed.", 4_000_000),
    "own-rules": Setting("texts", "Folders of rules of your own; their Python is run.", is_path=True),
}

RULE_SETTINGS: Final[Mapping[str, Setting]] = {
    "severity": Setting("text", "Severity of every finding of the rule.", None, ("error", "warning", "info")),
}
"""What every rule and family has. The other keys of a rule's table are its own options (`registry.Rule.options`)."""

_NAMES: Final[Mapping[Kind, str]] = {
    "text": "a string",
    "number": "a whole number",
    "flag": "true or false",
    "texts": "a list of strings",
    "codes by pattern": "a table of lists of codes",
    "rules": "a table of tables",
    "databases": "a table of tables",
}


def validate(table: Mapping[str, Any]) -> None:
    """Raises SettingError for the first key or value that cannot be. A rule's own options are left to
    `validate_options`: only the rules know them."""
    _validate(table, SETTINGS, "")


def validate_options(code: str, table: Mapping[str, Any], known: Mapping[str, Setting]) -> None:
    """The same for the table of one rule with these options."""
    _validate(table, {**RULE_SETTINGS, **known}, f"rules.{code}.")


def _validate(table: Mapping[str, Any], known: Mapping[str, Setting], within: str) -> None:
    for key, value in table.items():
        if key not in known:
            # imported where it is needed: --version and --help need none of it
            from difflib import get_close_matches

            close = get_close_matches(key.replace("_", "-").lower(), known, n=1)
            hint = f": did you mean {close[0]!r}?" if close else ": rlslint config shows all"
            if within.startswith("databases.") and key in SETTINGS:
                hint = ": it holds for all databases and stands at the top"
            elif within:
                hint = hint if close else f": one of {', '.join(known)}"
            raise SettingError(f"unknown key {within + key!r}{hint}")
        validate_value(within + key, value, known[key])


def validate_value(key: str, value: Any, setting: Setting) -> None:
    """Raises SettingError for a value that the key cannot have."""
    match setting.kind:
        case "text":
            right = isinstance(value, str)
        case "number":
            right = isinstance(value, int) and not isinstance(value, bool)
            if right and setting.least is not None and value < setting.least:
                raise SettingError(f"{key!r} is {value}, and must be {setting.least} or more")
        case "flag":
            right = isinstance(value, bool)
        case "texts":
            right = _is_texts(value)
        case "codes by pattern":
            right = isinstance(value, dict) and all(_is_texts(codes) for codes in value.values())
        case _:
            right = isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values())
    if not right:
        raise SettingError(f"{key!r} must be {_NAMES[setting.kind]}, not {value!r}")
    if setting.choices and value not in setting.choices:
        allowed = ", ".join(str(choice) for choice in setting.choices)
        raise SettingError(f"{key!r} is {value!r}, not one of {allowed}")
    if setting.kind == "databases":
        for name, table in value.items():
            _validate(table, _DATABASE, f"{key}.{name}.")
    if setting.kind == "rules":
        for name, table in value.items():
            _validate({one: table[one] for one in table if one in RULE_SETTINGS}, RULE_SETTINGS, f"{key}.{name}.")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def json_schema(options: Mapping[str, Mapping[str, Setting]]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of rlslint.toml, for editors; ``options`` of single rules, by code."""
    schema: dict[str, Any] = _object(SETTINGS)
    rules = {code: _object({**RULE_SETTINGS, **own}) for code, own in options.items() if own}
    schema["properties"]["rules"]["properties"] = rules
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rlslint",
        "description": "rlslint.toml, or [tool.rlslint] of pyproject.toml",
        **schema,
    }


def _object(settings: Mapping[str, Setting]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": one.help, **_type(one)} for key, one in settings.items()},
    }


def _type(setting: Setting) -> dict[str, Any]:
    texts: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    kind: dict[str, Any]
    match setting.kind:
        case "text":
            kind = {"type": "string"}
        case "number":
            kind = {"type": "integer"}
        case "flag":
            kind = {"type": "boolean"}
        case "texts":
            kind = texts
        case "codes by pattern":
            kind = {"type": "object", "additionalProperties": texts}
        case "rules":
            kind = {"type": "object", "additionalProperties": _object(RULE_SETTINGS)}
        case "databases":
            kind = {"type": "object", "additionalProperties": _object(_DATABASE)}
    if setting.choices:
        kind["enum"] = list(setting.choices)
    if setting.least is not None:
        kind["minimum"] = setting.least
    if setting.default is not None:
        kind["default"] = setting.default
    return kind


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
