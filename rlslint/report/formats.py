"""The name of a format in, its text out. Modules are imported when their format is asked for."""

from __future__ import annotations

from importlib import import_module

from rlslint.report.model import Result


def render(result: Result, format_: str, *, colour: bool = False, quiet: bool = False) -> str:
    """The report. ``colour`` and ``quiet`` bear on text alone."""
    if format_ == "text":
        from rlslint.report import text

        return text.render(result, colour=colour, quiet=quiet)
    rendered: str = import_module(f"rlslint.report.{format_}").render(result)
    return rendered
