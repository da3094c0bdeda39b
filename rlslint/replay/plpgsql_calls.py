"""A call of a function or procedure that files created in; its body run through the dispatch, its result out."""

from __future__ import annotations

import re
from typing import Final

from rlslint.analyze import types as t
from rlslint.analyze.func import FuncMatch, resolve_function
from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Oid
from rlslint.replay.plpgsql_block import Block, Unset, declare
from rlslint.replay.plpgsql_exec import run_block
from rlslint.replay.plpgsql_reg import Undecided
from rlslint.replay.plpgsql_select import select
from rlslint.replay.plpgsql_source import Places, parsed
from rlslint.replay.plpgsql_sql import dispatch
from rlslint.replay.plpgsql_stored import Value
from rlslint.replay.plpgsql_values import Scope, evaluate
from rlslint.replay.session import DDLError, Session
from rlslint.replay.settings import assign
from rlslint.source.model import Raw
from rlslint.source.parse import parse_synthetic

MAX_DEPTH: Final = 40
_VOID: Final = 2278
_FOLLOWED: Final = ("plpgsql", "sql")


def followable(session: Session, call: Raw) -> Proc | None:
    """The function that a FuncCall means, when a file created it in a language that is followed; else None, also where
    the arguments' types, which are not all known here, do not tell overloads apart."""
    given = call.get("args", ())
    schema, name = names_of(call["funcname"])
    found = [
        proc
        for proc in session.catalog.find_procs(schema, name, session.search_path)
        if len(proc.proargtypes) - proc.pronargdefaults <= len(given) <= len(proc.proargtypes) and not proc.provariadic
    ]
    if len(found) > 1:
        named = [arg["NamedArgExpr"]["name"] for arg in given if "NamedArgExpr" in arg]
        types = [_type_of(session, arg.get("NamedArgExpr", {}).get("arg", arg)) for arg in given]
        match = resolve_function(session.catalog, schema, name, types, session.search_path, named=named)
        found = [match.proc] if isinstance(match, FuncMatch) else []
    if len(found) != 1 or found[0].oid < FIRST_NORMAL_OID:
        return None
    proc = found[0]
    usable = proc.statement is not None and proc.origin is not None and proc.prolang in _FOLLOWED
    return proc if usable and not proc.provariadic and proc.prokind in "fp" else None


def _type_of(session: Session, raw: Raw) -> Oid:
    """The type of an argument, as far as it is told by how it is written; else 0."""
    const, cast = raw.get("A_Const"), raw.get("TypeCast")
    if cast is not None:
        return resolve_type_name(session.catalog, cast["typeName"], session.search_path)[0]
    if const is None:
        return 0
    return t.INT4 if "ival" in const else (t.BOOL if "boolval" in const else (0 if "fval" in const else t.UNKNOWN))


def run_call(scope: Scope, proc: Proc, call: Raw) -> Block:
    """Run the body for a FuncCall: what it does is done, what it gives is in the block that is returned.

    Raises DDLError as the body does, Undecided when the body cannot be followed at all.
    """
    session = scope.session
    values = _arguments(scope, proc, call)
    if proc.proisstrict and any(value is None for value in values.values()):
        return _block(session, proc, {})
    if session.depth >= MAX_DEPTH:
        raise DDLError("54001", "stack depth limit exceeded")
    before = session.savepoint()
    session.depth += 1
    if proc.prosecdef:
        session.role = proc.proowner
    for name, value in proc.proconfig:
        assign(session, name, value, local=False)
    try:
        block = _block(session, proc, values)
        if proc.prolang == "plpgsql":
            _run_plpgsql(block, proc)
        else:
            _run_sql(block, proc)
    finally:
        session.depth -= 1
    if proc.prosecdef or proc.proconfig:
        session.restore_settings(before)
    return block


def value_of(scope: Scope, proc: Proc, call: Raw) -> Value:
    """A call's value in an expression. Raises Undecided, DDLError."""
    block = run_call(scope, proc, call)
    if proc.proretset:
        raise Undecided(f"{proc.proname}() gives a set")
    if isinstance(block.result, Unset):
        raise Undecided(f"what {proc.proname}() gives is not known")
    return block.result


def rows_of(scope: Scope, proc: Proc, call: Raw) -> tuple[list[str], list[list[Value]]]:
    """A call's columns and rows in FROM. Raises Undecided, DDLError."""
    block = run_call(scope, proc, call)
    if not proc.proretset:
        if isinstance(block.result, Unset):
            raise Undecided(f"what {proc.proname}() gives is not known")
        if isinstance(block.result, dict):
            return list(block.result), [list(block.result.values())]
        return [proc.proname], [[block.result]]
    if block.returned is None:
        raise Undecided(f"the rows of {proc.proname}() are not known")
    names = [name for name, mode in zip(proc.proargnames, proc.proargmodes, strict=False) if mode in "obt"]
    width = len(block.returned[0]) if block.returned else 1
    return names if len(names) == width else [proc.proname] * width, block.returned


def _arguments(scope: Scope, proc: Proc, call: Raw) -> dict[str, Value | Unset]:
    """The input arguments by name and as $1, $2 ...; those that are not known are unset."""
    assert proc.statement is not None
    parameters = [item["FunctionParameter"] for item in proc.statement.node.get("parameters", ())]
    inputs = [
        one for one in parameters if one.get("mode", "FUNC_PARAM_DEFAULT") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")
    ]
    given: dict[str | int, Raw] = {}
    for number, arg in enumerate(call.get("args", ())):
        named = arg.get("NamedArgExpr")
        given[number if named is None else named["name"]] = arg if named is None else named["arg"]
    values: dict[str, Value | Unset] = {one.get("name", ""): None for one in parameters}
    for number, one in enumerate(inputs):
        raw = given.get(number, given.get(one.get("name", ""), one.get("defexpr")))
        value = Unset(None) if raw is None else _known(scope, raw)
        values[one.get("name", "")] = values[f"${number + 1}"] = value
    values.pop("", None)
    return values


def _known(scope: Scope, raw: Raw) -> Value | Unset:
    try:
        return evaluate(scope, raw)
    except Undecided:
        return Unset(None)


def _block(session: Session, proc: Proc, values: dict[str, Value | Unset]) -> Block:
    assert proc.statement is not None
    places = Places(proc.statement, proc.prosrc)
    block = Block(session, proc.statement, places.find, places.line, body=proc.prosrc)
    block.variables.update(values)
    block.variables["found"] = False
    return block


def _run_plpgsql(block: Block, proc: Proc) -> None:
    assert proc.statement is not None
    function = parsed(proc.statement.text)
    if function is None:
        raise Undecided(f"the body of {proc.proname}() cannot be followed")
    arguments = dict(block.variables)
    declare(block, function)
    block.variables.update(arguments)
    outs = [name for name, mode in zip(proc.proargnames, proc.proargmodes, strict=False) if mode in "ob" and name]
    block.returned = [] if proc.proretset else None
    run_block(block, [function["action"]])
    if outs and not proc.proretset:
        held = {name: block.variables.get(name) for name in outs}
        unset = any(isinstance(value, Unset) for value in held.values())
        block.result = Unset(None) if unset else (held if len(outs) > 1 else held[outs[0]])
    elif proc.prorettype == _VOID:
        block.result = None


def _run_sql(block: Block, proc: Proc) -> None:
    place = proc.origin
    assert place is not None
    text = re.sub(r"\A\s*RETURN\b", "SELECT", proc.prosrc, flags=re.IGNORECASE) if proc.prosqlbody else proc.prosrc
    statements, problems = parse_synthetic(text, place)
    if problems:
        raise Undecided(f"the body of {proc.proname}() cannot be followed")
    block.result = Unset(None)
    for statement in statements:
        block.result = Unset(None)
        block.returned = None
        if statement.kind != "SelectStmt":
            dispatch(block, statement)
            continue
        try:
            _, rows = select(statement.node, block.scope())
        except Undecided:
            continue
        block.result = rows[0][0] if rows and rows[0] else None
        block.returned = rows
    if proc.prorettype == _VOID:
        block.result = None
