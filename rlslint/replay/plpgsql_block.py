"""A PL/pgSQL block while it runs: its variables, what they hold so far, and where its code stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rlslint.replay.plpgsql_operators import as_list
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_select import select
from rlslint.replay.plpgsql_values import Scope
from rlslint.replay.plpgsql_views import Value
from rlslint.replay.reads import require_columns
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw, Span, Statement
from rlslint.source.parse import parse_synthetic


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
    arrays: set[str] = field(default_factory=set)
    """Names of the variables of an array type."""
    doubt: str = ""
    """Why an error that is not known here may have ended the running block; empty when nothing can have."""
    error: DDLError | None = None
    """What the running exception handler handles."""
    body: str = ""
    """The source of the body, for what its tree leaves out."""
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
        """A value as its variable keeps it: the text form of an array becomes an array."""
        return as_list(value) if name in self.arrays and isinstance(value, str) else value

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


def datums(function: Raw) -> Iterator[tuple[int, str, str | None, str]]:
    """(number, name, default's text, type) of a block's variables, in the order the parser numbers them."""
    for number, item in enumerate(function.get("datums", ())):
        kind, node = next(iter(item.items()))
        if kind in ("PLpgSQL_var", "PLpgSQL_rec"):
            default = node.get("default_val", {}).get("PLpgSQL_expr", {}).get("query")
            typname = node.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
            yield number, node["refname"], default, typname
        elif kind == "PLpgSQL_recfield":
            yield number, "", None, ""


def declare(block: Block, function: Raw) -> None:
    """Give the block its variables, defaults not yet computed."""
    for number, name, default, typname in datums(function):
        block.numbers[number] = name
        if typname.startswith("_") or typname.endswith("[]"):
            block.arrays.add(name)
        if name:
            block.variables[name] = None if default is None else Unset(default)


def initialize(block: Block) -> None:
    """Compute the defaults of all variables, as far as they can be. Raises DDLError where one is an error."""
    for name in tuple(block.variables):
        try:
            block.read(name)
        except Undecided:
            # asked for later, the reason is given there
            continue
