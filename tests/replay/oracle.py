"""The live oracle of the catalog: random histories, replayed and run on the embedded server.

``python -m tests.replay.oracle SEED HISTORIES`` prints the histories whose catalogs differ, made as short as it gets by
leaving statements out, each once. test_histories_random.py runs a small number.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.replay.test_histories_random import DDL, EVERYTHING, PROGRAMS, SESSION, START, STRUCTURE, disagreement

HISTORIES = st.one_of(
    *(st.lists(one, min_size=6, max_size=24) for one in (DDL, STRUCTURE, SESSION, PROGRAMS, EVERYTHING))
)


def judge(connection: psycopg.Connection[Any], statements: list[str], start: tuple[str, ...]) -> list[str]:
    """What differs; an exception differs as well."""
    try:
        return disagreement(connection, statements, start)
    except Exception as error:  # whatever replay raises is what is looked for
        return [f"{type(error).__name__}: {error}"]


def shortened(connection: psycopg.Connection[Any], statements: list[str]) -> list[str]:
    """The history without the statements that the difference does not need; those it starts with count as well."""
    kept = [*START, *statements]
    length = len(kept) // 2
    while length:
        at = 0
        while at < len(kept):
            fewer = kept[:at] + kept[at + length :]
            if judge(connection, fewer, ()):
                kept = fewer
            else:
                at += length
        length //= 2
    return kept


def main() -> None:
    """SEED HISTORIES: the whole run."""
    from rlslint.verify.server import EmbeddedServer

    number, count = int(sys.argv[1]), int(sys.argv[2])
    counts: Counter[str] = Counter()
    shown = set()
    with EmbeddedServer() as server, server.scratch_database() as connection:

        @seed(number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(HISTORIES)
        def run(statements: list[str]) -> None:
            counts["histories"] += 1
            counts["statements"] += len(statements)
            if not judge(connection, statements, START):
                return
            counts["different"] += 1
            kept = shortened(connection, statements)
            if tuple(kept) in shown:
                return
            shown.add(tuple(kept))
            for sql in kept:
                print(f"{sql};")
            for text in judge(connection, kept, ()):
                print(f"--   {text}")
            print(flush=True)

        run()
    print(dict(counts))
    sys.exit(1 if counts["different"] else 0)


if __name__ == "__main__":
    main()
