"""`python -m tests.bench [--rounds N] [--only WORD]`: every command in turn, round after round, ratios of the medians.

What is compared beside rlslint runs only where it is installed (squawk-cli, pgrls): neither is needed for the tests.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from math import log
from pathlib import Path

from pglast import parser

from rlslint.source.parse import DATA
from rlslint.source.split import split
from tests.bench import trees

RLSLINT = (sys.executable, "-m", "rlslint")


@dataclass
class Command:
    """One thing to be timed: seconds on the clock and of the processor, and the memory it took, round by round."""

    name: str
    argv: tuple[str, ...]
    size: int = 0
    """How much it is given, where commands of one ``series`` are given more and more."""
    series: str = ""
    before: Callable[[], None] = lambda: None
    """What happens first, not timed."""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: int = 0
    """Megabytes, the most that it ever took."""

    def run(self) -> None:
        self.before()
        start = time.perf_counter()
        # findings are no failure: only the time is asked for
        process = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall.append(time.perf_counter() - start)
        self.cpu.append(used.ru_utime + used.ru_stime)
        self.memory = max(self.memory, used.ru_maxrss // 1024)

    def __str__(self) -> str:
        wall, cpu = sorted(self.wall), statistics.median(self.cpu)
        spread = f"{wall[0]:.2f} to {wall[-1]:.2f}"
        return f"{self.name:36} {statistics.median(wall):8.2f} s  ({spread})  {cpu:8.2f} s of CPU  {self.memory:5} MB"


def growth(commands: list[Command]) -> Iterator[str]:
    """Of each two neighbours of a series the exponent by which time on the processor grows."""
    for less, more in pairwise(sorted((one for one in commands if one.size), key=lambda one: (one.series, one.size))):
        if less.series == more.series:
            ratio = statistics.median(more.cpu) / statistics.median(less.cpu)
            yield f"{less.series}, {less.size:,} to {more.size:,}: exponent {log(ratio, more.size / less.size):.2f}"


def parse_only(folder: Path) -> tuple[int, float]:
    """What no linter can do without, libpg_query's parse of the statements that matter: how many, seconds of CPU."""
    texts = [path.read_text() for path in sorted(folder.iterdir())]
    pieces = [text[first:last] for text in texts for first, last in split(text, 0, len(text))]
    matter = [piece for piece in pieces if piece.split(None, 1)[0].upper() not in DATA]
    began = time.process_time()
    for piece in matter:
        parser.parse_sql_json(piece)
    return len(matter), time.process_time() - began


def _check(path: Path, *options: str) -> tuple[str, ...]:
    """From cold: nothing is known from an earlier run."""
    return (*RLSLINT, "check", "--no-cache", "--fail-on", "never", *options, str(path))


def tree(folder: Path) -> list[Command]:
    """1,000 migrations: rlslint, squawk, pgrls."""
    target = folder / "supabase" / "migrations"
    print(trees.migrations(target, 1_000), "statements in 1,000 files")
    matter, seconds = parse_only(target)
    print(f"the C parse of the {matter:,} that matter: {seconds:.3f} s of CPU")
    found = [Command("rlslint check", _check(folder))]
    squawk = shutil.which("squawk")
    if squawk:
        files = [str(path) for path in sorted(target.iterdir())]
        said = subprocess.run((squawk, *files), capture_output=True, text=True, check=False)
        rules = sorted(set(re.findall(r"squawkhq\.com/docs/([a-z]+(?:-[a-z]+)+)", said.stdout)))
        found.append(Command("squawk", (squawk, *files)))
        found.append(Command("squawk, its rules silenced", (squawk, f"--exclude={','.join(rules)}", *files)))
    pgrls = shutil.which("pgrls")
    if pgrls:
        whole = folder / "whole.txt"
        whole.write_text("\n".join(path.read_text() for path in sorted(target.iterdir())))
        found.append(Command("pgrls --sql-file", (pgrls, "lint", "--sql-file", str(whole))))
    return found


def start(folder: Path) -> list[Command]:
    """What every run pays."""
    return [
        Command("python -c pass", (sys.executable, "-c", "pass")),
        Command("rlslint --version", (*RLSLINT, "--version")),
        Command("rlslint --help", (*RLSLINT, "--help")),
    ]


def again(folder: Path) -> list[Command]:
    """The tree of 1,000 migrations once more: nothing changed, or one file, each in a tree of its own."""
    numbers = count()

    def touching(path: Path) -> Callable[[], None]:
        text = path.read_text()

        def touch() -> None:
            path.write_text(f"{text}-- change {next(numbers)}\n")

        return touch

    def tree(name: str) -> tuple[Path, list[Path], tuple[str, ...]]:
        home = folder / name
        trees.migrations(home / "supabase" / "migrations", 1_000)
        command = (*RLSLINT, "check", "--fail-on", "never", str(home))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return home, sorted((home / "supabase" / "migrations").iterdir()), command

    home, _, command = tree("unchanged")
    found = [
        Command("python -c pass", (sys.executable, "-c", "pass")),
        Command("rlslint check, unchanged", command),
        Command("rlslint check, cold", _check(home)),
    ]
    for name, place in (("last", -1), ("middle", 500)):
        _, migrations, command = tree(name)
        found.append(Command(f"rlslint check, {name} file changed", command, before=touching(migrations[place])))
    for name, place in (("last", -1), ("middle", 500)):
        home, migrations, _ = tree(f"{name} one")
        path = migrations[place]
        found.append(Command(f"rlslint check FILE, the {name} one", _check(path)))
        warm = (*RLSLINT, "check", "--fail-on", "never", str(path))
        found.append(Command(f"rlslint check FILE, the {name} one changed", warm, before=touching(path)))
    return found


def files(folder: Path) -> list[Command]:
    """Single files, ten times as long each, ASCII or not."""
    found = []
    for statements in (200, 2_000, 20_000):
        for ascii_only in (True, False):
            name = f"{statements}{'' if ascii_only else '_utf8'}"
            # each in a folder of its own: beside others it would be one migration of several
            (folder / name).mkdir()
            path = folder / name / f"{name}.sql"
            trees.one_file(path, statements, ascii_only=ascii_only)
            series = "statements, ASCII" if ascii_only else "statements, not ASCII"
            found.append(Command(f"rlslint check {path.name}", _check(path), statements, series))
    return found


def dumps(folder: Path) -> list[Command]:
    """Dumps with data."""
    found = []
    for megabytes in (100, 500):
        path = folder / f"dump_{megabytes}.sql"
        trees.dump(path, megabytes)
        found.append(Command(f"rlslint check {path.name}", _check(path)))
        found.append(Command(f"cat {path.name}", ("cat", str(path))))
    return found


def schemas(folder: Path) -> list[Command]:
    """Many tables and policies."""
    found = []
    for tables in (500, 5_000):
        path = folder / f"schema_{tables}.sql"
        trees.wide(path, tables, 2 * tables)
        found.append(Command(f"rlslint check {path.name}", _check(path), tables, "tables"))
    for each, name in ((False, "to_public"), (True, "to_one_role")):
        path = folder / f"500_policies_{name}.sql"
        trees.one_table(path, policies=500, roles=200, depth=10, each=each)
        found.append(Command(f"rlslint check {path.name}", _check(path)))
    return found


GROUPS: dict[str, Callable[[Path], list[Command]]] = {
    "start": start,
    "again": again,
    "tree": tree,
    "files": files,
    "dumps": dumps,
    "schemas": schemas,
}


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", choices=list(GROUPS), action="append")
    given = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.only or GROUPS:
            folder = Path(scratch) / name
            folder.mkdir()
            commands = GROUPS[name](folder)
            for _ in range(given.rounds):
                for command in commands:
                    command.run()
            print(f"\n{name}, {given.rounds} rounds, interleaved: median (least to most)")
            first = statistics.median(commands[0].wall)
            for command in commands:
                print(f"{command}  x {statistics.median(command.wall) / first:.2f}")
            print(*growth(commands), sep="\n")


if __name__ == "__main__":
    main()
