"""``python -m tests.fuzz.guided [libFuzzer's options] [CORPUS]``: atheris over bytes, guided by the code that they reach."""

from __future__ import annotations

import sys
from typing import Any

atheris: Any = __import__("atheris")

with atheris.instrument_imports(include=["rlslint"]):
    from tests.fuzz.run import said


def one(data: bytes) -> None:
    """What libFuzzer calls."""
    said(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
