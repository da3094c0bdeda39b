"""``python -m tests.fuzz SECONDS [SEED]``: mutated scripts for so long; what breaks is written to tests/fuzz/found.

The script that runs is kept in a file beside, so that one that takes the process down is not lost. With atheris installed
(it is not needed otherwise) ``python -m tests.fuzz.guided`` looks for scripts by the code that they reach.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from tests.fuzz.mutate import drawn
from tests.fuzz.run import said

FOUND: Final = Path(__file__).parent / "found"
SLOW: Final = 20.0
"""Seconds after which a script of a few kilobytes counts as hanging."""


def keep(data: bytes) -> Path:
    """Write what broke where the tests look for it."""
    path = FOUND / f"{hashlib.sha256(data).hexdigest()[:12]}.sql"
    path.write_bytes(data)
    return path


def main() -> None:
    """Run until the time is over."""
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 30)
    source = random.Random(seed)
    FOUND.mkdir(exist_ok=True)
    running = FOUND / "running.sql"
    kinds: set[str] = set()
    count, broken, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = drawn(source)
        running.write_bytes(data)
        began = time.monotonic()
        try:
            said(data)
        except KeyboardInterrupt:
            break
        except BaseException as error:  # whatever else comes out is what is looked for, SystemExit of a command too
            broken += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
            if kind not in kinds:
                kinds.add(kind)
                print(f"{keep(data).name}: {kind}: {str(error)[:200]}", flush=True)
        count += 1
        if time.monotonic() - began > SLOW:
            print(f"{keep(data).name}: {time.monotonic() - began:.0f} s", flush=True)
    running.unlink(missing_ok=True)
    print(f"seed {seed}: {count} scripts, {broken} broke, {len(kinds)} kinds")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
