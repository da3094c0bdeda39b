"""Rules of your own: a first one written, and a folder of them tried on their examples, as the tests try ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rlslint import pipeline
from rlslint.config import Options
from rlslint.registry import Example, Rule, RuleError, load_rules

MARK: Final = re.compile(r"--\s*finds\s+([A-Z]+\d{3})\s*$")
"""Ends the line of an example on which a finding starts."""
_NAME: Final = re.compile(r"[a-z]+(-[a-z]+)+")

_YAML: Final = """\
# A rule: its words and examples. Its logic is in {stem}.py beside this file.
code: {code}
name: {name}
severity: warning
confidence: high
about: policies  # or plans: what hangs on indexes; or steps: what a migration does
summary: a policy whose name has capitals
message: policy {{policy}} on {{table}} is not written in lower case
rationale: |
  Why it matters, with what you measured.
help: |
  What to do about it.
ignore_when: |
  Where a finding is nothing to mend.
options:
  allowed-names:
    type: texts  # or text, number, flag; check() takes it as a keyword
    default: []
    help: Policies that may keep their name.
references:
  - https://www.postgresql.org/docs/current/sql-createpolicy.html
examples:
  - title: a name in capitals
    given: |
      CREATE TABLE notes (id bigint PRIMARY KEY);
      ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    bad: |
      CREATE POLICY "Read" ON notes FOR SELECT USING (id > 0);  -- finds {code}
    good: |
      CREATE POLICY read ON notes FOR SELECT USING (id > 0);
"""

_PYTHON: Final = '''\
"""{code} {name}: see {stem}.yaml."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.model import Facts, Match


def check(facts: Facts, *, allowed_names: tuple[str, ...]) -> Iterator[Match]:
    """One match for each policy that is not written in lower case."""
    for policy in facts.catalog.policies:
        if policy.origin is None or policy.polname in (policy.polname.lower(), *allowed_names):
            continue
        relation = facts.catalog.relations[policy.polrelid]
        yield Match(span=policy.origin, relation=relation, policy=policy, facts={{"table": facts.name(relation.oid)}})
'''


def write_rule(name: str, folder: Path) -> tuple[Path, Path]:
    """A rule that works and passes its own examples, to be changed. Raises RuleError."""
    if not _NAME.fullmatch(name):
        raise RuleError(f"{name!r}: a rule's name is words in lower case with hyphens, as policy-name-case")
    number = 1 + max(
        (int(match[1]) for path in folder.glob("own*.yaml") if (match := re.match(r"own(\d{3})_", path.name))),
        default=0,
    )
    code = f"OWN{number:03}"
    stem = f"{code.lower()}_{name.replace('-', '_')}"
    files = (folder / f"{stem}.yaml", folder / f"{stem}.py")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(files, (_YAML, _PYTHON), strict=True):
        path.write_text(text.format(code=code, name=name, stem=stem), encoding="utf-8")
    return files


def tried(folder: Path) -> Iterator[tuple[Rule, Example, str]]:
    """Each example of the folder's rules, with what is wrong with it; empty where it is right. Raises RuleError."""
    ours = load_rules()
    for code, rule in load_rules((str(folder),)).items():
        if code in ours:
            continue
        if not rule.examples:
            raise RuleError(f"{rule.stem}.yaml: it has no example")
        for example in rule.examples:
            yield rule, example, _wrong(rule, example, folder)


def outcome(folder: Path) -> tuple[str, bool]:
    """`tried` as text, a line an example, and whether all are right."""
    lines, passed = [], True
    for rule, example, wrong in tried(folder):
        lines.append(
            f"{'failed' if wrong else 'passed'}  {rule.code}: {example.title}" + (f": {wrong}" if wrong else "")
        )
        passed = passed and not wrong
    return "".join(f"{line}\n" for line in lines), passed


def _wrong(rule: Rule, example: Example, folder: Path) -> str:
    bad = example.given + example.bad
    marked = [
        number
        for number, line in enumerate(bad.splitlines(), 1)
        if (match := MARK.search(line)) and match[1] == rule.code
    ]
    if not marked:
        return f"no line of the bad form ends in -- finds {rule.code}"
    found = _lines(rule, bad, example, folder)
    if found != marked:
        return f"the bad form is found on the lines {found}, marked on {marked}"
    if example.good is not None and (left := _lines(rule, example.given + example.good, example, folder)):
        return f"the good form is found on the lines {left}"
    return ""


def _lines(rule: Rule, sql: str, example: Example, folder: Path) -> list[int]:
    options = Options(
        paths=("-",),
        preset=example.options.get("preset", "none"),
        hot=tuple(example.options.get("hot", ())),
        select=(rule.code,),
        own_rules=(str(folder),),
    )
    return [finding.place[1] for finding in pipeline.check(options, cwd=Path.cwd(), stdin=sql).findings]
