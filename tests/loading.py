"""Files of one database, read as the command line reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlslint.source.model import Project
from rlslint.source.read import load_projects


def load_project(paths: Sequence[str], *, cwd: Path, **options: Any) -> Project:
    """The only database there."""
    (project,) = load_projects(paths, cwd=cwd, **options)
    return project
