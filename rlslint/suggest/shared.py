"""What findings of one run share: the indexes that they ask for, and the calls and names to be mended in one policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rlslint.catalog.catalog import Catalog
from rlslint.checks.model import NeedIndex, NeedQualify, NeedWrap
from rlslint.findings import Finding
from rlslint.nodes.primnodes import Oid
from rlslint.suggest.indexes import IndexSet
from rlslint.suggest.lookups import lookups

Question = tuple[str, Oid, Oid]
"""``index`` with a table and a collation, ``policy`` with a policy, or ``name of`` an index with its schema."""
_NAME: Final = "name of "


class Shared:
    """Answers what one finding has to do with others, and knows what it was asked."""

    def __init__(self, catalog: Catalog, findings: Sequence[Finding]) -> None:
        needed = (need for one in findings for need in one.needs if isinstance(need, NeedIndex))
        self.indexes = IndexSet(catalog, needed, lookups(catalog))
        self._wraps: dict[Oid, dict[NeedWrap, None]] = {}
        self._names: dict[Oid, dict[NeedQualify, None]] = {}
        self._policies: set[Oid] = set()
        for finding in findings:
            for need in finding.needs:
                if isinstance(need, NeedWrap):
                    self._wraps.setdefault(need.clause.policy.oid, {})[need] = None
                elif isinstance(need, NeedQualify):
                    self._names.setdefault(need.clause.policy.oid, {})[need] = None

    def wraps(self, policy: Oid) -> tuple[NeedWrap, ...]:
        """Calls to be wrapped in a policy: what several findings ask of it is done in one go, so that applying one
        suggestion does not undo another."""
        self._policies.add(policy)
        return tuple(self._wraps.get(policy, ()))

    def names(self, policy: Oid) -> tuple[NeedQualify, ...]:
        """Names to be qualified in a policy."""
        self._policies.add(policy)
        return tuple(self._names.get(policy, ()))

    def asked(self) -> tuple[Question, ...]:
        """What was asked since this was."""
        found: list[Question] = [("index", *key) for key in sorted(self.indexes.asked)]
        found += [("policy", oid, 0) for oid in sorted(self._policies)]
        found += [(f"{_NAME}{name}", schema, 0) for name, schema in sorted(self.indexes.names)]
        self.indexes.asked.clear()
        self.indexes.names.clear()
        self._policies.clear()
        return tuple(found)

    def answers(self, asked: Iterable[Question]) -> str:
        """What the answers to these questions are."""
        said: list[object] = []
        for what, oid, collation in asked:
            if what == "index":
                said.append(list(self.indexes.wanted(oid, collation)))
            elif what.startswith(_NAME):
                said.append(self.indexes.used(what.removeprefix(_NAME), oid))
            else:
                said.append([(one.start, one.end, one.funcid) for one in self._wraps.get(oid, ())])
                said.append([(one.start, one.end, one.column) for one in self._names.get(oid, ())])
        return repr(said)
