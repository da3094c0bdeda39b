"""A short run of the fuzzer (``python -m tests.fuzz SECONDS`` is a long one), and what broke once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import mutated
from tests.fuzz.run import said

NUMBER = st.integers(0, (1 << 30) - 1)
FOUND = sorted((Path(__file__).parent / "found").glob("*.sql"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=NUMBER, operations=st.lists(st.tuples(NUMBER, NUMBER, NUMBER), min_size=1, max_size=8))
def test_nothing_but_findings_or_a_clear_error(start: int, operations: list[tuple[int, int, int]]) -> None:
    data = mutated(start, operations)
    assert said(data) == said(data)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_broke_once(path: Path) -> None:
    assert said(path.read_bytes())
