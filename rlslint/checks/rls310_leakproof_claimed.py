"""RLS310: a function is declared LEAKPROOF, and PostgreSQL believes it."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.exposure import signature
from rlslint.checks.globs import means_function
from rlslint.checks.model import Facts, Match, NeedNote


def check(facts: Facts, *, allowed_functions: tuple[str, ...]) -> Iterator[Match]:
    """One match a function of the files with LEAKPROOF."""
    for proc in facts.catalog.procs:
        if proc.origin is not None and proc.proleakproof and not means_function(facts, allowed_functions, proc):
            yield Match(
                span=proc.origin,
                facts={"function": signature(facts, proc)},
                needs=(NeedNote("leave LEAKPROOF out: no policy's own condition is faster for it"),),
            )
