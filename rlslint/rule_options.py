"""The options of one rule: what its YAML says of them, what the configuration sets, and a check that is given them.

What is wrong with either is told as SettingError, without the file's name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from rlslint.checks.model import Check
from rlslint.settings import RULE_SETTINGS, Setting, SettingError, validate_value

RuleOptions = Sequence[tuple[str, Mapping[str, Any]]]
"""Codes, and what their options are set to."""
_TYPES: Final = ("number", "text", "flag", "texts")
_KEYS: Final = {
    "type": Setting("text", "", None, _TYPES),
    "help": Setting("text", ""),
    "default": None,
    "least": Setting("number", ""),
    "choices": Setting("texts", ""),
}


def declared(given: Any) -> Mapping[str, Setting]:
    """The options by name: ``type`` (a number, a text, a flag or a list of texts), ``default`` and ``help`` of each, and
    where they are narrower, ``least`` or ``choices``."""
    options: dict[str, Setting] = {}
    for name, item in given.items():
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", str(name)) or name in RULE_SETTINGS:
            raise SettingError(f"an option cannot be called {name!r}")
        for key in (*item, "type", "default", "help"):
            if key not in _KEYS or key not in item:
                raise SettingError(f"option {name}: {key!r} is {'missing' if key in _KEYS else 'no key of it'}")
            known = _KEYS[key]
            if known is not None:
                validate_value(f"options.{name}.{key}", item[key], known)
        words = " ".join(item["help"].split())
        choices = tuple(item.get("choices", ()))
        options[name] = Setting(item["type"], words, item["default"], choices, least=item.get("least"))
        validate_value(f"options.{name}.default", item["default"], options[name])
    return options


def with_defaults(check: Check, options: Mapping[str, Setting]) -> Check:
    """The check with the defaults, where its keywords are just the options."""
    parameters = inspect.signature(check).parameters.values()
    taken = {one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    wanted = {_keyword(name) for name in options}
    if taken != wanted:
        raise SettingError(f"the keywords of check() are not the options: {', '.join(sorted(taken ^ wanted))}")
    return with_values(check, {name: one.default for name, one in options.items()}) if options else check


def with_values(check: Check, values: Mapping[str, Any]) -> Check:
    """The check with these values of its options."""
    keywords = {_keyword(key): tuple(one) if isinstance(one, list) else one for key, one in values.items()}
    return partial(check, **keywords)


def _keyword(option: str) -> str:
    return option.replace("-", "_")
