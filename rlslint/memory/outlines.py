"""Outlines of the files that runs in one folder read, kept for the next run there."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rlslint.memory.files import Entry, version
from rlslint.source.model import Limits
from rlslint.source.outline import Outline, Outlines

_MADE_BY: Final = "rlslint outlines 1"
_ENTRIES: Final = 32
_MOST: Final = 20_000
"""Files whose outlines are kept together."""


class OutlineMemory:
    """Those of the working directory."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._entry = Entry(
            folder, json.dumps([_MADE_BY, version(), os.getcwd(), repr(limits)]), kind="outlines", most=_ENTRIES
        )

    def recall(self) -> Outlines:
        """What is known."""
        said = self._entry.read()
        try:
            known = {mark: _outline(flat) for mark, flat in ({} if said is None else said).items()}
        except (AttributeError, LookupError, TypeError, ValueError):
            known = {}
        return Outlines(known)

    def keep(self, outlines: Outlines) -> None:
        """Leave it, with those of files that this run did not read as far as there is room."""
        if outlines.added:
            kept = dict(islice({**outlines.used, **outlines.known}.items(), _MOST))
            self._entry.write({mark: _flat(one) for mark, one in kept.items()})


def _outline(flat: list[Any]) -> Outline:
    """Raises ValueError for what is none."""
    places = tuple(zip(flat[1::3], flat[2::3], flat[3::3], strict=True))
    ends = [0, *(place for _, start, end in places for place in (start, end))]
    if not all(type(kind) is str for kind, _, _ in places) or ends != sorted(ends):
        raise ValueError("statements stand one behind the other")
    return Outline(flat[0] == 1, places)


def _flat(one: Outline) -> list[object]:
    return [int(one.transactional), *(value for place in one.places for value in place)]
