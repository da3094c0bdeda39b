"""A PL/pgSQL block while it runs: its variables, what they hold so far, and where its code stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rlslint.records import dataclass, field
from rlslint.replay.plpgsql_declare import Variable, declarations, is_array
from rlslint.replay.plpgsql_operators import as_list
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_select import select
from rlslint.replay.plpgsql_stored import Value
from rlslint.replay.plpgsql_values import Scope, cast_to
from rlslint.replay.reads import require_columns
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Span, Statement
from rlslint.source.parse import parse_synthetic

_NUMBERS: Final = frozenset({"int2", "int4", "int8"})
_SCALARS: Final = _NUMBERS | {"bool", "text", "varchar", "name"}
"""Types that values are cast to when a variable takes them."""


class Unset:
    """A variable whose default has not been asked for yet, or whose value is not known."""

    def __init__(self, default: str | None) -> None:
        self.default = default


@dataclass(slots=True)
class Block:
    """A running block: its variables and where its code stands."""

    session: Session
    statement: Statement
    place: Callable[[str, int], Span | None]
    """The span in the file of a piece of code that begins on a line of the body; None when it cannot be found."""
    line_span: Callable[[int], Span]
    variables: dict[str, Value | Unset] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    """Names of the block's datums by number."""
    types: dict[str, str] = field(default_factory=dict)
    """The types of variables, as the tree names them, where that is known."""
    doubt: str = ""
    """Why an error that is not known here may have ended the running block; empty when nothing can have."""
    error: DDLError | None = None
    """What the running exception handler handles."""
    body: str = ""
    """The source of the body, for what its tree leaves out."""
    declared: Mapping[int, tuple[Variable, ...]] = field(default_factory=dict)
    """By the id of a block's node the variables that it declares."""
    result: Value | Unset = None
    """What RETURN gave."""
    returned: list[list[Value]] | None = None
    """What RETURN NEXT and RETURN QUERY gave so far; None when it is not known, or no set is returned."""

    def read(self, name: str) -> tuple[bool, Value]:
        """A variable's value. Raises Undecided."""
        if name not in self.variables:
            return False, None
        value = self.variables[name]
        if isinstance(value, Unset):
            if value.default is None:
                raise Undecided(f"{name} is not known")
            value = self.variables[name] = self.typed(name, self.value(value.default))
        return True, value

    def typed(self, name: str, value: Value) -> Value:
        """A value as its variable keeps it, cast to its type. Raises DDLError 22P02 for a text that is none of it."""
        typname = self.types.get(name, "")
        if is_array(typname):
            return as_list(value) if isinstance(value, str) else value
        if typname not in _SCALARS or value is None or isinstance(value, (list, dict)):
            return value
        return cast_to(self.scope(), typname, value)

    def scope(self) -> Scope:
        """What an expression of the block sees."""
        return Scope(self.session, self)

    def value(self, query: str) -> Value:
        """The value of an expression's text. Raises Undecided."""
        names, rows = self.rows(f"SELECT {query}")
        del names
        return rows[0][0] if rows else None

    def rows(self, query: str) -> tuple[list[str], list[list[Value]]]:
        """The rows of a query's text. Raises Undecided."""
        statements, problems = parse_synthetic(query, self.statement.span)
        if problems or len(statements) != 1 or statements[0].kind != "SelectStmt":
            raise Undecided("not a query that can be followed")
        try:
            return select(statements[0].node, self.scope())
        except Undecided:
            require_columns(self.session, statements[0], self.variables)
            raise

    def forget(self, numbers: set[int], names: set[str]) -> None:
        """Variables that code which was not followed sets."""
        for name in names | {self.numbers.get(number, "") for number in numbers}:
            if name in self.variables:
                self.variables[name] = Unset(None)


def declare(block: Block, function: Raw) -> None:
    """Give the block the variables that no block in it declares: arguments, those of loops, of handlers and of cursors.

    What its blocks declare is theirs while they run, see `entered`.
    """
    block.declared, theirs = declarations(function, block.body)
    for number, item in enumerate(function.get("datums", ())):
        kind, node = next(iter(item.items()))
        if kind not in ("PLpgSQL_var", "PLpgSQL_rec"):
            if kind == "PLpgSQL_recfield":
                block.numbers[number] = ""
            continue
        name = block.numbers[number] = node["refname"]
        if number in theirs or not name:
            continue
        default = node.get("default_val", {}).get("PLpgSQL_expr", {}).get("query")
        block.types[name] = node.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
        block.variables[name] = None if default is None else Unset(default)


@contextmanager
def entered(block: Block, node: Raw) -> Iterator[None]:
    """A block while it runs: its variables hide others of their names. Raises DDLError where a default is an error."""
    own = block.declared.get(id(node), ())
    hidden = {one.name: block.variables[one.name] for one in own if one.name in block.variables}
    types = dict(block.types)
    for one in own:
        _initialize(block, one)
    try:
        yield
    finally:
        for one in own:
            block.variables.pop(one.name, None)
        if own:
            block.variables.update(hidden)
            block.types.clear()
            block.types.update(types)


def _initialize(block: Block, variable: Variable) -> None:
    """Compute a variable's default, which does not see the variable yet, as far as it can be."""
    name, default = variable.name, variable.default
    value: Value | Unset = None
    if default is not None:
        try:
            value = block.value(default)
        except Undecided as reason:
            # asked for later, the reason is given there, unless it stands on one that it hides
            value = Unset(None if name in default else default)
            if variable.typname in _NUMBERS and "'" in default:
                # a text that is no number would be an error
                block.doubt = str(reason)
    block.types[name] = variable.typname
    block.variables[name] = value if isinstance(value, Unset) else block.typed(name, value)
