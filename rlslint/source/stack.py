"""A function in, its result out, run where deep recursion, PostgreSQL's parser's or our own, has room."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Result = TypeVar("Result")

STACK: Final = (512 << 20, 128 << 20, 32 << 20)
"""Bytes of stack to ask for; less where the system gives no more. It is address space: memory is taken as it is used."""
FRAMES: Final = 50_000
"""Python's recursion limit there. Trees are bounded before they are walked (parse.MAX_DEPTH)."""


def with_room(function: Callable[[], Result], interrupted: Callable[[], None] | None = None) -> Result:
    """Run it in a thread with a big stack; what it raises is raised here, and an interrupt does not wait for it: it only
    calls ``interrupted``."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        # whatever it is, it is raised again in the caller's thread
        except BaseException as error:
            errors.append(error)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, FRAMES))
    try:
        thread = _start(run)
        # in short waits: without them an interrupt is not seen before the thread ends on some systems
        while thread is not None and thread.is_alive():
            thread.join(0.5)
    except KeyboardInterrupt:
        if interrupted is not None:
            interrupted()
        raise
    finally:
        sys.setrecursionlimit(limit)
    if errors:
        raise errors[0]
    return results[0]


def roomy_pool() -> ThreadPoolExecutor:
    """A pool of one thread with as big a stack, for work that comes again and again."""
    from concurrent.futures import ThreadPoolExecutor

    sys.setrecursionlimit(max(sys.getrecursionlimit(), FRAMES))
    before = threading.stack_size()
    try:
        for size in STACK:
            threading.stack_size(size)
            pool = ThreadPoolExecutor(max_workers=1)
            try:
                pool.submit(lambda: None)
            except RuntimeError:
                continue
            return pool
    finally:
        threading.stack_size(before)
    return ThreadPoolExecutor(max_workers=1)


def _start(run: Callable[[], None]) -> threading.Thread | None:
    before = threading.stack_size()
    try:
        for size in STACK:
            threading.stack_size(size)
            thread = threading.Thread(target=run, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                continue
            return thread
    finally:
        threading.stack_size(before)
    run()
    return None
