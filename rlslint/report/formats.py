"""The name of a format in, its text out. Modules are imported when their format is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from rlslint.findings import place_order
from rlslint.records import replace
from rlslint.report.model import Result

_BY_PLACE: Final = frozenset({"compact", "json", "sarif", "gitlab", "junit"})
"""Formats that other programs read: sorted by place, whatever the findings cost."""


def render(result: Result, format_: str, *, colour: bool = False, quiet: bool = False) -> str:
    """The report. ``colour`` and ``quiet`` bear on text alone."""
    if format_ == "text":
        from rlslint.report import text

        return text.render(result, colour=colour, quiet=quiet)
    if format_ in _BY_PLACE:
        result = replace(result, findings=tuple(sorted(result.findings, key=place_order)))
    rendered: str = import_module(f"rlslint.report.{format_}").render(result)
    return rendered
