"""A folder with its configuration and the texts of open files in, analyses out; histories are kept between keystrokes.

Everything here runs in one thread: an analysis holds until the next one of the same database.
"""

from __future__ import annotations

import gc
from pathlib import Path

from rlslint.baseline import ratchet
from rlslint.config import Options, limits, load_options
from rlslint.findings import Finding
from rlslint.lsp.analysis import Analysis, Before, Early, Name, analyse
from rlslint.lsp.history import History
from rlslint.pipeline import load_all
from rlslint.records import dataclass, field, replace
from rlslint.registry import Rule, load_rules, selected
from rlslint.source.model import InputError, Tell, silent
from rlslint.source.read import load_projects


@dataclass(slots=True)
class _Open:
    """A file in the editor."""

    data: bytes
    history: History | None = None
    taken: bytes | None = None
    """The text that the history holds; None while it holds the file's."""
    before: Before = field(default_factory=Before)


@dataclass(slots=True)
class Workspace:
    """A folder that an editor has open."""

    root: Path
    options: Options = field(default_factory=Options)
    rules: tuple[Rule, ...] = ()
    codes: frozenset[str] = frozenset()
    _histories: list[History] | None = None
    _open: dict[Path, _Open] = field(default_factory=dict)
    _last: tuple[Path, bytes, Analysis] | None = None

    def text(self, file: Path, data: bytes) -> None:
        """The text of a file that is open, from now on."""
        if file in self._open:
            self._open[file].data = data
        else:
            self._open[file] = _Open(data)

    def close(self, file: Path) -> None:
        """The file is no longer open: what lies on the disk counts."""
        gone = self._open.pop(file, None)
        if gone is not None and gone.history is not None and gone.taken is not None:
            self.changed(file)

    def changed(self, file: Path) -> None:
        """A file on the disk is another one, is new or gone. One that is open is passed over: the editor's text counts."""
        if file in self._open:
            return
        self._last = None
        owner = next((one for one in self._histories or () if one.holds(file)), None)
        if owner is None or not file.is_file():
            self.forget()
            return
        try:
            owner.change(file, file.read_bytes())
        except (InputError, OSError):
            self.forget()
        for one in self._open.values():
            one.before = Before()

    def forget(self) -> None:
        """Read everything anew at the next question: configuration, rules, files."""
        self._histories = None
        self._last = None
        for one in self._open.values():
            one.history, one.taken, one.before = None, None, Before()

    def analysis(self, file: Path, early: Early | None = None, tell: Tell = silent) -> Analysis | None:
        """What is to be said of an open file; None where it belongs to no database that can be read. Where there is much
        to look at, ``early`` is given what is known first; what ``tell`` raises ends the work. Raises InputError,
        ConfigError, RuleError, BaselineError and UsageError with one clear line."""
        document = self._open.get(file)
        if document is None:
            return None
        if self._last is not None and self._last[:2] == (file, document.data):
            return self._last[2]
        self._last = None
        if self._histories is None:
            self._load()
        history = self._history_of(file, document)
        self._take_over(history)
        if not history.suits():
            # another preset: what the history stands on is other than was thought
            place = self._histories.index(history) if self._histories else 0
            assert self._histories is not None
            self._histories[place] = fresh = History.of(history.project, history.options, self.root)
            for one in self._open.values():
                if one.history is history:
                    one.history, one.before = fresh, Before()
            history = fresh

        def first(found: Analysis, tables: frozenset[Name]) -> None:
            if early is not None:
                found.here = self._new(found.here)
                early(found, tables)

        found = analyse(history, file, self.rules, document.before, early and first, tell)
        if not history.settled:
            history.settled = True
            # what the history holds stays: looking for garbage in it took longer than a keystroke
            gc.freeze()
        found.here = self._new(found.here)
        found.elsewhere = [(one, cause) for one, cause in found.elsewhere if self._new([one])]
        self._last = (file, document.data, found)
        return found

    def _take_over(self, history: History) -> None:
        """The texts of all open files of the history's database."""
        for path, one in self._open.items():
            if one.history is None and history.holds(path):
                one.history = history
            if one.history is history and one.taken != one.data:
                history.change(path, one.data)
                one.taken = one.data
                for other, beside in self._open.items():
                    if other != path and beside.history is history:
                        beside.before = Before()

    def _load(self) -> None:
        self.options = load_options(self.root)
        rules = load_rules(self.options.own_rules, self.options.rule_options)
        self.codes = selected(rules, self.options.select, self.options.ignore)
        self.rules = tuple(rule for code, rule in rules.items() if code in self.codes)
        try:
            found = list(load_all(self.options, cwd=self.root))
        except InputError:
            # no migrations here, so far: a file that is opened is one for itself
            found = []
        self._histories = [History.of(project, one, self.root) for one, project in found]

    def _history_of(self, file: Path, document: _Open) -> History:
        """The database that the file belongs to: one that has it, one whose folder it lies in, else its own."""
        assert self._histories is not None
        if document.history is not None:
            return document.history
        for history in self._histories:
            folders = {(self.root / one.source.path).parent for one in history.project.migrations}
            if history.holds(file) or (file.parent in folders and not file.exists()):
                document.history = history
                return history
        if not file.exists():
            raise InputError(f"{file}: no such file, and no migration lies beside it")
        options = replace(self.options, paths=(str(file),))
        project = load_projects(options.paths, layout=options.layout, cwd=self.root, limits=limits(options))[0]
        document.history = History.of(replace(project, reported=None), options, self.root)
        self._histories.append(document.history)
        return document.history

    def _new(self, findings: list[Finding]) -> list[Finding]:
        """Those that the baseline does not hold."""
        path = self.root / self.options.baseline
        if not self.options.baseline or not path.is_file():
            return findings
        return ratchet(path, findings, whole=False, codes=self.codes).new
