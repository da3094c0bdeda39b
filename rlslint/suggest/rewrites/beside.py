"""A helper and a query in, a function beside it out: with the same rights and settings, for the same roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rlslint.analyze.entry import analyze_function_body
from rlslint.analyze.typename import format_type, quote_identifier, quote_qualified
from rlslint.catalog.catalog import PUBLIC, Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, Oid, Param, SubLink, SubLinkType
from rlslint.plan.mutate import mutate
from rlslint.records import dataclass, replace
from rlslint.rewrite.bodies import argument_names
from rlslint.rewrite.functions import function_search_path
from rlslint.source.extent import tokens
from rlslint.suggest.rewrites.writing import same_query

_LONGEST = 63
"""Bytes of a name (NAMEDATALEN - 1)."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A function to be made beside a helper, with its rights: ``create`` and ``drop`` are statements with semicolons."""

    proc: Proc
    """The helper."""
    name: str
    argtypes: tuple[Oid, ...]
    create: str
    drop: str
    expected: tuple[Query, ...]
    """What its body resolves to: the sides of its UNION ALL."""

    def is_right(self, catalog: Catalog) -> bool:
        """Whether the function, made in the catalog, resolves to what it should."""
        made = self.find(catalog)
        body = None if made is None else analyze_function_body(catalog, made, function_search_path(catalog, made))
        if body is None or len(body) != 1:
            return False
        sides = list(_sides(body[0]))
        return len(sides) == len(self.expected) and all(
            same_query(one, other) for one, other in zip(sides, self.expected, strict=True)
        )

    def find(self, catalog: Catalog) -> Proc | None:
        """The function in the catalog."""
        for proc in catalog.procs.find("name", self.name):
            if proc.pronamespace == self.proc.pronamespace and proc.proargtypes == self.argtypes:
                return proc
        return None

    def is_free(self, catalog: Catalog) -> bool:
        """Whether no other function has its name."""
        return self.find(catalog) is None or self.is_right(catalog)

    def grants(self, catalog: Catalog) -> Iterator[str]:
        """What gives EXECUTE to those who have it on the old helper, and to nobody else but its owner."""
        made = self.find(catalog)
        if made is None:
            return
        target = f"FUNCTION {_signature(catalog, self.proc.pronamespace, self.name, self.argtypes)}"
        had, has = _executors(self.proc), _executors(made)
        for role in sorted(has - had - {self.proc.proowner}):
            yield f"REVOKE EXECUTE ON {target} FROM {_role(catalog, role)};"
        for role in sorted(had - has):
            yield f"GRANT EXECUTE ON {target} TO {_role(catalog, role)};"


def beside(
    catalog: Catalog,
    proc: Proc,
    defaults: Mapping[int, str],
    name: str,
    returns: str,
    numbers: tuple[int, ...],
    body: str,
    queries: Sequence[Query],
) -> Beside | None:
    """A function with some of the helper's arguments and the helper's rights; None where it cannot be written."""
    names = argument_names(proc)
    if len(name.encode()) > _LONGEST or "$list$" in body:
        return None
    arguments = ", ".join(
        f"{quote_identifier(names[number - 1]) if names[number - 1] else ''}"
        f" {format_type(catalog, proc.proargtypes[number - 1])}"
        f"{f' DEFAULT {defaults[number]}' if number in defaults else ''}".strip()
        for number in numbers
    )
    quote = "$$" if "$$" not in body else "$list$"
    body = _renamed(body, proc, name)
    body = " ".join(body.split()) if "--" not in body else f"{body.strip()}\n "
    head = f"CREATE OR REPLACE FUNCTION {quote_qualified(catalog.nspname(proc.pronamespace), name)}({arguments})"
    rights = f"{' STRICT' if proc.proisstrict else ''}{_rights(catalog, proc)}"
    argtypes = tuple(proc.proargtypes[number - 1] for number in numbers)
    renumbered = {number: place for place, number in enumerate(numbers, start=1)}
    made = Beside(
        proc=proc,
        name=name,
        argtypes=argtypes,
        create=f"{head} RETURNS {returns}\n  LANGUAGE sql STABLE{rights}\n  AS {quote} {body} {quote};",
        drop=f"DROP FUNCTION IF EXISTS {_signature(catalog, proc.pronamespace, name, argtypes)};",
        expected=tuple(_renumbered(query, renumbered) for query in queries),
    )
    return made if made.is_free(catalog) else None


def _sides(query: Query) -> Iterator[Query]:
    """The sides of a UNION ALL, nested ones too."""
    if query.setop == "union" and not query.distinct and query.limit is None and query.offset is None:
        for arm in query.arms:
            yield from _sides(arm)
        return
    yield query


def _renamed(select: str, proc: Proc, name: str) -> str:
    """The query with arguments that are named by their function (``asks.k``) named by the new one."""
    stream = tokens(select)
    parts: list[str] = []
    position = 0
    for one, dot, other in zip(stream, stream[1:], stream[2:], strict=False):
        words = select[one.start : one.end], select[other.start : other.end]
        if dot.name == "ASCII_46" and words[0] == proc.proname and words[1] in argument_names(proc):
            parts += [select[position : one.start], quote_identifier(name)]
            position = one.end
    return "".join(parts) + select[position:]


def _rights(catalog: Catalog, proc: Proc) -> str:
    """SECURITY DEFINER and settings as the old helper has them; a definer's search_path is fixed in any case."""
    parts = [" SECURITY DEFINER" if proc.prosecdef else ""]
    settings = dict(proc.proconfig)
    if proc.prosecdef and "search_path" not in settings:
        schemas = [name for name in function_search_path(catalog, proc) if catalog.namespaces.find("name", name)]
        settings["search_path"] = ", ".join((*schemas, "pg_temp"))
    for name, value in settings.items():
        # a list of names is kept as it is written; the empty one is stored as the name without characters
        empty = value in ("", '""')
        parts.append(
            f" SET {name} = {value if name == 'search_path' and not empty else _literal('' if empty else value)}"
        )
    return "".join(parts)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _renumbered(query: Query, numbers: dict[int, int]) -> Query:
    def put(node: Expr, level: int) -> Expr:
        return replace(node, number=numbers[node.number]) if isinstance(node, Param) else node

    holder = SubLink(type=0, kind=SubLinkType.EXISTS, subselect=query)
    changed = mutate(holder, put)
    assert isinstance(changed, SubLink)
    return changed.subselect


def _signature(catalog: Catalog, namespace: Oid, name: str, argtypes: tuple[Oid, ...]) -> str:
    types = ", ".join(format_type(catalog, oid) for oid in argtypes)
    return f"{quote_qualified(catalog.nspname(namespace), name)}({types})"


def _executors(proc: Proc) -> frozenset[Oid]:
    """Whom EXECUTE is granted to; the owner's own is not counted."""
    if proc.proacl is None:
        return frozenset({PUBLIC})
    return frozenset(role for role, privilege in proc.proacl if privilege == "execute" and role != proc.proowner)


def _role(catalog: Catalog, role: Oid) -> str:
    return "PUBLIC" if role == PUBLIC else quote_identifier(catalog.rolname(role))
