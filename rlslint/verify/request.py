"""What verify is asked to do, and how it is stopped: an interrupt ends the work on the server and waits until its database
is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rlslint.records import dataclass, field
from rlslint.source.model import Tell, silent

TIMED_OUT: Final = "57014"
"""The SQLSTATE of a statement that reached the time limit."""
_PATIENCE: Final = 30.0
"""Seconds that an interrupt waits for the clean-up; a second interrupt does not."""


class Stopped(Exception):
    """The work was to end."""


class Stop:
    """Ends the work from another thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._cancel: Callable[[], None] | None = None

    def __call__(self) -> None:
        """End it: what the server does is cancelled, what would follow is not begun. Returns when all is tidied up."""
        self._asked.set()
        if self._cancel is not None:
            self._cancel()
        self._idle.wait(_PATIENCE)

    def look(self) -> None:
        """Raises Stopped once it was called."""
        if self._asked.is_set():
            raise Stopped

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While there is something to be tidied up."""
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """While ``cancel`` ends what the server does."""
        self._cancel = cancel
        try:
            yield
        finally:
            self._cancel = None


@dataclass(frozen=True, slots=True)
class Request:
    """How a server is asked."""

    rows: int = 100_000
    """Rows a table, where no statistics say how many."""
    limit_ms: int = 20_000
    """Milliseconds that one statement may take."""
    database_url: str | None = None
    yes: bool = False
    """A server that is not local is meant."""
    say: Callable[[str], None] = lambda text: None
    """Takes remarks that stay."""
    tell: Tell = silent
    """Takes how far it is."""
    stop: Stop = field(default_factory=Stop)
