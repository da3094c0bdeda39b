"""What ``check`` is asked for in, what it says out: from memory where no file changed, else by doing the work."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rlslint.cache import Cache, Kept, home
from rlslint.commandline import Given, Progress, in_ci, remarks_on, standard_input
from rlslint.records import dataclass

if TYPE_CHECKING:
    from rlslint.config import FailOn
    from rlslint.report.model import Result
    from rlslint.source.model import Tell


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is asked for on the command line."""

    given: Given
    format: str
    select: str | None
    ignore: str | None
    fail_on: FailOn | None
    since: str | None
    baseline: str | None
    quiet: bool
    coloured: bool

    @property
    def of_files_alone(self) -> bool:
        """git, standard input and a baseline that is written are no files that could be looked at again."""
        return not (self.since or self.baseline or self.given.output or "-" in self.given.paths)

    @property
    def plans(self) -> bool:
        """Whether the report shows plans, which no run leaves for another."""
        return self.format == "html"


_SPOILT: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of data that is not what it says."""


def answer(asked: Asked, *, anew: bool) -> Kept:
    """What to print, and the exit status. ``anew`` asks no cache and leaves nothing in it. Raises as `pipeline.check`."""
    folder = None if anew else home()
    cache = Cache(repr(asked), folder) if folder is not None and asked.of_files_alone else None
    said = None if cache is None else cache.recall()
    if said is not None:
        return said
    return _work(asked, cache, None if asked.plans or "-" in asked.given.paths else folder)


def _work(asked: Asked, cache: Cache | None, memory: Path | None) -> Kept:
    # imported late: what is known already needs none of it
    from rlslint import pipeline
    from rlslint.baseline import keep
    from rlslint.report.escape import printable
    from rlslint.report.formats import render
    from rlslint.source.stack import with_room

    given, cwd = asked.given, Path.cwd()
    with nullcontext() if cache is None else cache.reading():
        options = given.options(
            select=asked.select,
            ignore=asked.ignore,
            fail_on=asked.fail_on,
            since=asked.since,
            baseline=asked.baseline,
        )
        stdin = standard_input(options.paths)

        def check(memory: Path | None, tell: Tell) -> Result:
            return pipeline.check(
                options, cwd=cwd, stdin=stdin, stdin_filename=given.stdin_filename, memory=memory, tell=tell
            )

        with Progress(quiet=asked.quiet) as progress:
            try:
                result = with_room(lambda: check(memory, progress))
            except _SPOILT:
                if memory is None:
                    raise
                # somebody else wrote what was believed
                result = with_room(lambda: check(None, progress))
    settled = bool(options.databases or options.home or (options.paths and not given.paths))
    remarks = remarks_on(result.inputs, given.verbose, asked.quiet, settled=settled)
    if not asked.quiet:
        remarks += [
            f"rlslint: {printable(path)} is {'changed, but ' if options.since else ''}not read: {printable(why)}"
            for path, why in result.unread
        ]
    text = render(result, asked.format, colour=asked.coloured, quiet=asked.quiet)
    failed = options.fail_on != "never" and result.worst_at_least(options.fail_on)
    if result.ratchet is not None:
        told = keep(Path(options.baseline), result.ratchet, may_make=not in_ci())
        made = result.ratchet.was is None
        if made and asked.baseline is not None:
            # only named here: the next run would not know it
            told += f'; name it in the configuration: baseline = "{Path(options.baseline).as_posix()}"'
        # a file that was not there is never made in silence
        remarks += [f"rlslint: {told}"] if told and (made or not asked.quiet) else []
    said = Kept(text, tuple(remarks), int(failed))
    if cache is not None and not options.own_rules and result.ratchet is None:
        cache.keep(said)
    return said
