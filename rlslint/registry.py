"""rules/*.yaml and rlslint/checks/*.py in, the rules out: joined by their stem, so there is no list to edit.

A rule's words and examples live in its YAML, its logic in its check. The wheel carries rules/ as rlslint/_rules.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final, Literal, get_args

import yaml

from rlslint.checks.model import Check, Confidence, Facts, Match, Severity
from rlslint.records import dataclass, field, replace
from rlslint.rule_options import RuleOptions, declared, with_defaults, with_values
from rlslint.settings import RULE_SETTINGS, Setting, SettingError, validate_options
from rlslint.source.model import UsageError

_KEYS: Final = {
    "code",
    "name",
    "severity",
    "confidence",
    "summary",
    "message",
    "messages",
    "rationale",
    "help",
    "ignore_when",
    "references",
    "examples",
    "yields_to",
    "once_per",
    "about",
    "across_tables",
    "options",
}
Group = Literal["cure", "table", "project"]
About = Literal["plans", "policies", "steps"]
Scope = Literal["place", "cure", "policy", "table"]
_EXAMPLE_KEYS: Final = {
    "title",
    "given",
    "bad",
    "good",
    "options",
    "rows",
    "probes",
    "plans",
    "advice",
    "fails",
    "says",
}
_ABOUT: Final[Mapping[str, About]] = {"RLS1": "plans", "RLS4": "steps"}
"""What the families of rules are about where a rule does not say; the others are about policies."""


class RuleError(Exception):
    """A rule's file is broken: the message names the file and what is wrong. Exit status 2."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a rule: ``given`` is the schema, ``bad`` what the rule finds, ``good`` the cured form.

    ``-- finds RLSnnn`` at the end of a line of ``bad`` marks where a finding starts. ``probes`` and ``plans`` are put
    to a real server.
    """

    title: str
    given: str
    bad: str
    good: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: str = ""
    """SQL that loads rows before the probes."""
    probes: tuple[Mapping[str, Any], ...] = ()
    """``role``, ``settings`` (name: value), statements to run ``before``, ``sql``, and what it gives in the bad and in the
    good form: an SQLSTATE, ``ok``, ``rows N`` or ``value V``."""
    plans: tuple[Mapping[str, Any], ...] = ()
    """``role``, ``sql``, and what EXPLAIN must hold in the bad and in the good form."""
    advice: bool = False
    """The cure is advice: no suggestion carries SQL."""
    fails: str = ""
    """SQLSTATE with which a server refuses a statement of the bad form."""
    says: str = ""
    """Words of the finding's message: which of the rule's messages it is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, words and logic."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    rationale: str
    help: str
    check: Check
    stem: str
    summary: str = ""
    """What it finds, in one line that is no sentence; empty where a rule of your own has none."""
    ignore_when: str = ""
    """Where a finding is nothing to mend."""
    messages: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    yields_to: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict)
    """Codes that a finding of this rule gives way to, by what the two must have in common (`findings.settle`)."""
    options: Mapping[str, Setting] = field(default_factory=dict)
    """What ``[rules.CODE]`` of the configuration may hold besides the severity. ``check`` takes each as a keyword and has
    them already: the defaults, or what is configured."""
    once_per: Group | None = None
    """Findings of one table that share this become one, which names the other places; ``project``: findings of all tables
    that share their cure."""
    own: bool = False
    """Not one of ours."""
    across_tables: bool = False
    """What it says at one place hangs on several tables (all that call a function, say): what it says of some tables is
    not what it says of all, less the rest."""
    about: About = "policies"
    """What an index can change and what has a cost (``plans``), what policies mean and whom they let through
    (``policies``), or what a migration does, of which only the newest are looked at (``steps``)."""


def load_rules(own: tuple[str, ...] = (), options: RuleOptions = ()) -> Mapping[str, Rule]:
    """All rules by code, in order of code: ours, then those of the ``own`` folders or packages; with ``options`` that
    `require_options` has let pass. Raises RuleError."""
    rules = _ours()
    if own:
        rules = {**_ours(), **_by_code([path for place in own for path in _own_files(place)], _ours())}
        by_precedence(rules)
    given = [(rules[code], values) for code, values in options if code in rules]
    return {**rules, **{rule.code: replace(rule, check=with_values(rule.check, values)) for rule, values in given}}


def require_options(rules: Mapping[str, Rule], tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises SettingError for an option that a rule lacks or a value that it cannot have, and UsageError for a code that
    no rule has."""
    for name, table in tables.items():
        rule = rules.get(name.upper())
        own = [key for key in table if key not in RULE_SETTINGS]
        if rule is not None:
            validate_options(name, table, rule.options)
        elif own and not any(code.startswith(name.upper()) for code in rules):
            raise UsageError(_unknown(rules, name))
        elif own:
            having = [code for code, one in rules.items() if own[0] in one.options]
            hint = f"it is an option of {' and '.join(having)} alone" if having else "a family has no key but severity"
            raise SettingError(f"unknown key 'rules.{name}.{own[0]}': {hint}")


@lru_cache(maxsize=1)
def _ours() -> Mapping[str, Rule]:
    files = sorted(_folder().glob("rls*.yaml"))
    if not files:
        raise RuleError(f"no rules in {_folder()}")
    rules = _by_code(files, {})
    by_precedence(rules)
    return rules


def _by_code(files: Sequence[Path], taken: Mapping[str, Rule]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for path in files:
        rule = load_rule(path)
        if taken:
            rule = replace(rule, check=_guarded(rule, path.with_suffix(".py")), own=True)
        if other := rules.get(rule.code) or taken.get(rule.code):
            raise RuleError(f"{path.name}: {rule.code} is taken by {other.stem}.yaml")
        rules[rule.code] = rule
    return rules


def _guarded(rule: Rule, file: Path) -> Check:
    """A check of somebody else's: what it raises is told in one line, with its place, as RuleError."""

    def check(facts: Facts, **options: Any) -> Iterator[Match]:
        try:
            for match in rule.check(facts, **options):
                if not isinstance(match, Match):
                    raise RuleError(f"{file}: {rule.code} gives {type(match).__name__}, not Match")
                yield match
        except RuleError:
            raise
        # whatever it is, it is theirs to mend
        except (Exception, SystemExit) as error:
            lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(file)]
            place = f"{file}:{lines[-1]}" if lines else str(file)
            raise RuleError(f"{place}: {rule.code} raised {type(error).__name__}: {error}") from error

    return check


def _own_files(place: str) -> list[Path]:
    """The YAML files of a folder, or of the installed package that offers it by this name (group ``rlslint.rules``)."""
    folder = Path(place)
    if not folder.is_dir():
        # what it needs takes longer to import than all rules to load
        from importlib.metadata import entry_points

        offered = entry_points(group="rlslint.rules", name=folder.name)
        spec = importlib.util.find_spec(next(iter(offered)).module) if offered else None
        if spec is None or not spec.submodule_search_locations:
            raise RuleError(f"{place}: neither a folder nor a package that offers rules")
        folder = Path(next(iter(spec.submodule_search_locations)))
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise RuleError(f"{place}: no rule (NAME.yaml with NAME.py beside it) in it")
    return files


def by_precedence(rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """The codes, each behind those that it gives way to. Raises RuleError for rules that give way to each other."""
    order: dict[str, None] = {}

    def visit(code: str, above: tuple[str, ...]) -> None:
        if code in above:
            ring = " -> ".join((*above[above.index(code) :], code))
            raise RuleError(f"{rules[code].stem}.yaml: yields_to runs in a ring: {ring}")
        for winner in sorted(winner for codes in rules[code].yields_to.values() for winner in codes):
            if winner in rules and winner not in order:
                visit(winner, (*above, code))
        order[code] = None

    for code in rules:
        if code not in order:
            visit(code, ())
    return tuple(order)


def load_rule(path: Path) -> Rule:
    """One rule from its YAML and the check of the same stem. Raises RuleError."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"{path.name}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise RuleError(f"{path.name}: not a mapping")
    _require(path, data, _KEYS, {"code", "name", "severity", "confidence", "message", "rationale", "help"})
    if not path.stem.startswith(str(data["code"]).lower() + "_"):
        raise RuleError(f"{path.name}: its name does not start with its code {data['code']}")
    choices = {"severity": get_args(Severity), "confidence": get_args(Confidence), "once_per": get_args(Group)}
    choices["about"] = get_args(About)
    for key, allowed in choices.items():
        if key in data and data[key] not in allowed:
            raise RuleError(f"{path.name}: {key} is {data[key]!r}, not one of {', '.join(allowed)}")
    options = _options(path, data.get("options", {}))
    return Rule(
        code=data["code"],
        name=data["name"],
        severity=data["severity"],
        confidence=data["confidence"],
        message=data["message"],
        summary=" ".join(data.get("summary", "").split()),
        ignore_when=data.get("ignore_when", "").strip(),
        messages=data.get("messages", {}),
        rationale=data["rationale"].strip(),
        help=data["help"].strip(),
        references=tuple(data.get("references", ())),
        examples=tuple(_example(path, item) for item in data.get("examples", ())),
        stem=path.stem,
        yields_to=_yields_to(path, data.get("yields_to", {})),
        once_per=data.get("once_per"),
        about=data.get("about", _ABOUT.get(str(data["code"])[:4], "policies")),
        options=options,
        across_tables=data.get("across_tables", False) is True,
        check=_check(path, options),
    )


def find_rule(rules: Mapping[str, Rule], given: str) -> Rule:
    """The rule of a code or a name. Raises UsageError, with the nearest of them."""
    by_name = {rule.name: rule for rule in rules.values()}
    rule = rules.get(given.upper()) or by_name.get(given.lower())
    if rule is None:
        raise UsageError(_unknown(rules, given))
    return rule


def without_rule(rules: Mapping[str, Rule], codes: Iterable[str]) -> dict[str, str]:
    """Those of the codes and prefixes that no rule has, each as it is said; for a rule's name, the code that is meant."""
    by_name = {rule.name.upper(): code for code, rule in rules.items()}
    return {
        code: f"{code} ({code.lower()} has the code {by_name[code]})" if code in by_name else code
        for code in codes
        if not any(known.startswith(code) for known in rules)
    }


def _unknown(rules: Mapping[str, Rule], given: str) -> str:
    by_name = {rule.name: code for code, rule in rules.items()}
    near = get_close_matches(given.upper(), rules, n=1, cutoff=0.8)
    # a code of the right shape is none that was misspelt
    if near and not re.fullmatch(r"RLS\d+", given.upper()):
        return f"unknown rule code {given!r}: did you mean {near[0]}?"
    named = get_close_matches(given.lower(), by_name, n=1)
    if named:
        return f"unknown rule code {given!r}: did you mean {by_name[named[0]]} ({named[0]})?"
    return f"unknown rule code {given!r}: rlslint rules lists them"


def selected(rules: Mapping[str, Rule], select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """Codes that ``select`` names and ``ignore`` does not; prefixes name families, no ``select`` means all.

    Raises UsageError for a code or prefix that no rule has.
    """
    for given in (*select, *ignore):
        if not any(code.startswith(given.upper()) for code in rules) or not re.match(r"[A-Za-z]{2}", given):
            raise UsageError(_unknown(rules, given))
    chosen = {code for code in rules if not select or code.startswith(tuple(s.upper() for s in select))}
    return frozenset(code for code in chosen if not ignore or not code.startswith(tuple(i.upper() for i in ignore)))


def _folder() -> Path:
    here = Path(__file__).parent
    installed = here / "_rules"
    return installed if installed.is_dir() else here.parent / "rules"


def _check(path: Path, options: Mapping[str, Setting]) -> Check:
    """The rule's function with the defaults of its options."""
    try:
        return with_defaults(_function(path), options)
    except SettingError as error:
        raise RuleError(f"{path.stem}.py: {error}") from None


def _options(path: Path, items: Any) -> Mapping[str, Setting]:
    try:
        return declared(items)
    except SettingError as error:
        raise RuleError(f"{path.name}: {error}") from None


def _function(path: Path) -> Check:
    """The function of the module of the same stem: of rlslint, or of the file beside an own rule's YAML."""
    if path.parent == _folder():
        try:
            module = importlib.import_module(f"rlslint.checks.{path.stem}")
        except ModuleNotFoundError as error:
            raise RuleError(f"{path.name}: there is no rlslint/checks/{path.stem}.py") from error
    else:
        file = path.with_suffix(".py")
        spec = importlib.util.spec_from_file_location(f"rlslint_own_{path.stem}", file)
        if spec is None or spec.loader is None or not file.is_file():
            raise RuleError(f"{path.name}: there is no {file.name} beside it")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (ImportError, SyntaxError, NameError) as error:
            raise RuleError(f"{file.name}: {error}") from error
    check: Check | None = getattr(module, "check", None)
    if check is None:
        raise RuleError(f"{path.stem}.py: it has no function check(facts)")
    return check


def _yields_to(path: Path, given: Any) -> Mapping[Scope, tuple[str, ...]]:
    """A list of codes means those at the same place; a mapping names other scopes."""
    scopes: dict[Any, Any] = given if isinstance(given, dict) else {"place": given}
    for scope, codes in scopes.items():
        if scope not in get_args(Scope):
            raise RuleError(f"{path.name}: yields_to has {scope!r}, not one of {', '.join(get_args(Scope))}")
        if not isinstance(codes, list) or not all(re.fullmatch(r"RLS\d{3}", str(code)) for code in codes):
            raise RuleError(f"{path.name}: yields_to must list rule codes, not {codes!r}")
    return {scope: tuple(codes) for scope, codes in scopes.items()}


def _example(path: Path, item: Any) -> Example:
    _require(path, item, _EXAMPLE_KEYS, {"title", "given", "bad"})
    return Example(
        title=item["title"],
        given=item["given"],
        bad=item["bad"],
        good=item.get("good"),
        options=item.get("options", {}),
        rows=item.get("rows", ""),
        probes=tuple(item.get("probes", ())),
        plans=tuple(item.get("plans", ())),
        advice=bool(item.get("advice", False)),
        fails=str(item.get("fails", "")),
        says=str(item.get("says", "")),
    )


def _require(path: Path, data: dict[str, Any], known: set[str], needed: set[str]) -> None:
    for key in data:
        if key not in known:
            raise RuleError(f"{path.name}: unknown key {key!r}")
    for key in sorted(needed):
        if key not in data:
            raise RuleError(f"{path.name}: {key!r} is missing")
