"""Bytes in, what ``check``, ``plan`` and ``catalog`` say of them out."""

from __future__ import annotations

from pathlib import Path

from rlslint import pipeline
from rlslint.cli import FORMATS
from rlslint.config import Options
from rlslint.report.catalog import catalog_json
from rlslint.report.formats import render
from rlslint.report.plan import plan_json
from rlslint.source.model import InputError
from rlslint.source.stack import with_room


def said(data: bytes) -> str:
    """Everything that can be said of a script. Raises what no user may see."""
    return with_room(lambda: _said(data))


def _said(data: bytes) -> str:
    options = Options(paths=("-",), preset="supabase" if b"auth." in data else "none")
    here = Path.cwd()
    try:
        result = pipeline.check(options, cwd=here, stdin=data)
        texts = [render(result, name) for name in FORMATS]
        _, replayed = pipeline.load(options, cwd=here, stdin=data)
        texts.append(str(catalog_json(replayed)))
        texts += [str(plan_json(replayed.catalog, plan)) for plan in result.plans]
    except InputError as error:
        return f"refused: {error}"
    return "\n".join(texts)
