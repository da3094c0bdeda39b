"""Draws docs/check.svg, the README's picture: what `rlslint check` prints about the incident, in a terminal.

python docs/picture.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
PROJECT = HERE.parent / "tests" / "projects" / "training_metrics" / "exists_without_primary_key"
COMMAND = ("check", "--color", "always", "--fail-on", "never")
WIDTH = 118


def picture() -> str:
    """The SVG's text, the same for the same output."""
    done = subprocess.run(
        [sys.executable, "-m", "rlslint", *COMMAND], cwd=PROJECT, capture_output=True, check=True, text=True
    )
    console = Console(record=True, width=WIDTH, file=StringIO(), color_system="truecolor", force_terminal=True)
    console.print(Text("$ rlslint check", style="bold"))
    console.print(Text.from_ansi(done.stdout.rstrip()), highlight=False)
    drawn = console.export_svg(title="rlslint", theme=MONOKAI, unique_id="rlslint", font_aspect_ratio=0.61)
    # no font is fetched: the reader's own does
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    (HERE / "check.svg").write_text(picture(), encoding="utf-8")
