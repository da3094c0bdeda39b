"""CREATE, ALTER and DROP FUNCTION, PROCEDURE and AGGREGATE in, pg_proc rows out (commands/functioncmds.c)."""

from __future__ import annotations

from itertools import pairwise, zip_longest
from typing import Any, Final, Literal

from rlslint.analyze.func import has_unseen
from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.analyze.types import element_type
from rlslint.catalog.acl import with_owner
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, replace
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.function_body import check_body
from rlslint.replay.grants import HARD_WIRED, default_acl
from rlslint.replay.lookup import is_preset, target_namespace
from rlslint.replay.names import flag, options, role_of, word
from rlslint.replay.references import Address
from rlslint.replay.require import may_be_unseen, require_types
from rlslint.replay.routines import KINDS, find_function
from rlslint.replay.session import DDLError, Handler, Missing, NotFollowed, Session
from rlslint.replay.settings import change_config
from rlslint.source.extent import expression_extent, tokens
from rlslint.source.model import Raw, Statement

VOID: Final = 2278
RECORD: Final = 2249
ANY: Final = 2276
_MODES: Final = {
    "FUNC_PARAM_DEFAULT": "i",
    "FUNC_PARAM_IN": "i",
    "FUNC_PARAM_OUT": "o",
    "FUNC_PARAM_INOUT": "b",
    "FUNC_PARAM_VARIADIC": "v",
    "FUNC_PARAM_TABLE": "t",
}


@dataclass(frozen=True, slots=True)
class _Parameters:
    """interpret_function_parameter_list()'s results."""

    argtypes: tuple[Oid, ...]
    alltypes: tuple[Oid, ...]
    modes: tuple[str, ...]
    names: tuple[str, ...]
    defaults: int
    variadic: Oid
    result: Oid
    """What the OUT parameters make of the result; 0 without any."""


def create_function(session: Session, statement: Statement) -> None:
    """CREATE [OR REPLACE] FUNCTION or PROCEDURE. Raises DDLError (42723, 42809, 42P13)."""
    node = statement.node
    catalog = session.catalog
    schema, name = names_of(node["funcname"])
    namespace = target_namespace(session, schema)
    procedure = bool(node.get("is_procedure"))
    parameters = _parameters(session, [item["FunctionParameter"] for item in node.get("parameters", ())], procedure)
    setof = False
    if "returnType" in node:
        prorettype = resolve_type_name(catalog, node["returnType"], session.search_path)[0]
        setof = bool(node["returnType"].get("setof"))
        if parameters.result and prorettype not in (0, parameters.result) and "t" not in parameters.modes:
            raise DDLError("42P13", "function result type must match the OUT parameters")
    elif parameters.result:
        prorettype = parameters.result
    elif procedure:
        prorettype = VOID
    else:
        raise DDLError("42P13", "function result type must be specified")
    proc = Proc(
        oid=0,
        proname=name,
        pronamespace=namespace,
        proowner=session.role,
        prolang="sql",
        prokind="p" if procedure else "f",
        prorettype=prorettype,
        proargtypes=parameters.argtypes,
        proargnames=parameters.names,
        proargmodes=parameters.modes,
        proallargtypes=parameters.alltypes,
        pronargdefaults=parameters.defaults,
        provariadic=parameters.variadic,
        proretset=setof,
        search_path=session.search_path,
        origin=statement.span,
        statement=statement,
    )
    if session.require_known is not None and not may_be_unseen(session, statement, catalog.newest_oid):
        require_types(proc)
    made = _store(session, _with_options(session, statement, proc), bool(node.get("replace")))
    check_body(session, statement, made)


def _parameters(session: Session, given: list[Raw], procedure: bool) -> _Parameters:
    argtypes: list[Oid] = []
    alltypes: list[Oid] = []
    modes: list[str] = []
    names: list[str] = []
    results: list[Oid] = []
    defaults = 0
    variadic = 0
    for item in given:
        oid = resolve_type_name(session.catalog, item["argType"], session.search_path)[0]
        mode = _MODES[item.get("mode", "FUNC_PARAM_DEFAULT")]
        alltypes.append(oid)
        modes.append(mode)
        names.append(item.get("name", ""))
        if mode in "ibv":
            argtypes.append(oid)
            if "defexpr" in item:
                defaults += 1
            elif defaults and mode != "v":
                raise DDLError("42P13", "input parameters after one with a default value must also have defaults")
        if mode in "obt":
            results.append(oid)
        if mode == "v":
            variadic = oid if oid == ANY else element_type(session.catalog, oid)
    result = 0
    if procedure:
        result = RECORD if results else 0
    elif results:
        result = results[0] if len(results) == 1 else RECORD
    plain = all(mode == "i" for mode in modes)
    return _Parameters(
        tuple(argtypes),
        () if plain else tuple(alltypes),
        () if plain else tuple(modes),
        tuple(names) if any(names) else (),
        defaults,
        variadic,
        result,
    )


def _with_options(session: Session, statement: Statement, proc: Proc) -> Proc:
    node = statement.node
    body: Raw | None = node.get("sql_body")
    language = ""
    for option, element in options(node.get("options", [])):
        if option == "language":
            language = word(element).lower()
        elif option == "as":
            parts = element["arg"].get("List", {}).get("items", [element["arg"]])
            proc = replace(proc, prosrc=parts[-1]["String"].get("sval", ""))
        elif option == "window":
            proc = replace(proc, prokind="w")
        else:
            proc = _with_attribute(session, proc, option, element)
    if body is not None:
        return replace(proc, prolang=language or "sql", prosqlbody=True, prosrc=_sql_body(statement, body))
    if not language:
        raise DDLError("42P13", "no language specified")
    return replace(proc, prolang=language)


def _sql_body(statement: Statement, body: Raw) -> str:
    """The SQL of a BEGIN ATOMIC or RETURN body: the statements between its words, or a SELECT of the expression."""
    if "ReturnStmt" in body:
        start, end = expression_extent(statement, body["ReturnStmt"]["returnval"])
        return f"SELECT {statement.text[start:end]}"
    words = tokens(statement.text)
    for first, second in pairwise(words):
        if first.name == "BEGIN_P" and second.name == "ATOMIC":
            last = max(token.start for token in words if token.name == "END_P")
            return statement.text[second.end : last].strip()
    return ""


def _with_attribute(session: Session, proc: Proc, option: str, element: Raw) -> Proc:
    """An attribute that CREATE and ALTER FUNCTION share (compute_common_attribute)."""
    match option:
        case "volatility":
            volatile: dict[str, Literal["i", "s", "v"]] = {"immutable": "i", "stable": "s", "volatile": "v"}
            return replace(proc, provolatile=volatile[word(element).lower()])
        case "strict":
            return replace(proc, proisstrict=flag(element))
        case "security":
            return replace(proc, prosecdef=flag(element))
        case "leakproof":
            return replace(proc, proleakproof=flag(element))
        case "parallel":
            parallel: dict[str, Literal["s", "r", "u"]] = {"safe": "s", "restricted": "r", "unsafe": "u"}
            mode = parallel.get(word(element).lower())
            if mode is None:
                raise DDLError("42601", 'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE')
            return replace(proc, proparallel=mode)
        case "cost":
            cost = float(word(element) or 0)
            if cost <= 0:
                raise DDLError("22023", "COST must be positive")
            return replace(proc, procost=cost)
        case "set":
            return replace(proc, proconfig=change_config(session, proc.proconfig, element["arg"]["VariableSetStmt"]))
    return proc


def _store(session: Session, proc: Proc, or_replace: bool) -> Proc:
    """Add the row, or replace the one with its name and input types, which keeps its OID, owner and ACL."""
    catalog = session.catalog
    old = _same_signature(session, proc)
    if old is None:
        acl = default_acl(session, "f", proc.pronamespace)
        kept = None if acl == HARD_WIRED["f"] else acl
        return catalog.procs.put(replace(proc, oid=catalog.new_oid(), proacl=kept))
    if not or_replace and not is_preset(old):
        raise DDLError("42723", f'function "{proc.proname}" already exists with same argument types')
    if old.oid < FIRST_NORMAL_OID:
        raise NotFollowed(f"{proc.proname}() replaces a built-in function")
    if old.prokind != proc.prokind:
        raise DDLError("42809", "cannot change routine kind")
    if not is_preset(old):
        _check_replacement(old, proc)
    return catalog.procs.put(replace(proc, oid=old.oid, proowner=old.proowner, proacl=old.proacl))


def _check_replacement(old: Proc, new: Proc) -> None:
    """What CREATE OR REPLACE must not change (ProcedureCreate)."""
    if (old.prorettype != new.prorettype and 0 not in (old.prorettype, new.prorettype)) or (
        old.proretset != new.proretset
    ):
        raise DDLError("42P13", "cannot change return type of existing function")
    if old.prorettype == RECORD and _out_types(old) != _out_types(new):
        raise DDLError("42P13", "cannot change return type of existing function")
    for before, after in zip_longest(_input_names(old), _input_names(new)):
        if before and before != after:
            raise DDLError("42P13", f'cannot change name of input parameter "{before}"')
    if new.pronargdefaults < old.pronargdefaults:
        raise DDLError("42P13", "cannot remove parameter defaults from existing function")


def _out_types(proc: Proc) -> tuple[tuple[str, Oid], ...]:
    modes = proc.proargmodes
    names = proc.proargnames or ("",) * len(modes)
    return tuple(
        (name, oid) for name, mode, oid in zip(names, modes, proc.proallargtypes, strict=False) if mode in "obt"
    )


def _input_names(proc: Proc) -> tuple[str, ...]:
    if not proc.proargmodes:
        return proc.proargnames
    return tuple(name for name, mode in zip(proc.proargnames, proc.proargmodes, strict=False) if mode in "ibv")


def _same_signature(session: Session, proc: Proc) -> Proc | None:
    for row in session.catalog.procs.find("name", proc.proname):
        if row.pronamespace == proc.pronamespace and row.proargtypes == proc.proargtypes:
            # two unknown types need not be the same one
            if 0 not in proc.proargtypes or _written_types(row) == _written_types(proc):
                return row
    return None


def _written_types(proc: Proc) -> list[Any]:
    """The input types' names as written, for types that are not known."""
    if proc.statement is None:
        return []
    given = [item.get("FunctionParameter", {}) for item in proc.statement.node.get("parameters", ())]
    return [
        (item["argType"].get("names"), len(item["argType"].get("arrayBounds", ())))
        for item in given
        if item.get("mode") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")
    ]


def alter_function(session: Session, statement: Statement) -> None:
    """ALTER FUNCTION ... attributes. A function that no file creates is passed over."""
    node = statement.node
    proc = find_function(session, node["func"], KINDS[node.get("objtype", "OBJECT_FUNCTION")])
    if proc is None:
        _absent(session, node["func"])
    if proc is None or proc.oid < FIRST_NORMAL_OID:
        return
    changed = replace(proc, origin=statement.span)
    for option, element in options(node["actions"]):
        changed = _with_attribute(session, changed, option, element)
    session.catalog.procs.put(changed)


def drop_function(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP FUNCTION, PROCEDURE, ROUTINE or AGGREGATE. Raises DDLError (2BP01, 42725, 42883)."""
    kinds = KINDS[statement.node["removeType"]]
    try:
        proc = find_function(session, obj["ObjectWithArgs"], kinds)
    except (DDLError, Missing) as error:
        if missing_ok and error.sqlstate in ("42883", "42704"):
            return
        raise
    if proc is not None:
        remove_function(session, proc, cascade=cascade)
    elif not missing_ok:
        _absent(session, obj["ObjectWithArgs"])


def remove_function(session: Session, proc: Proc, *, cascade: bool) -> None:
    """Take a function away, with what depends on it under CASCADE. Raises DDLError 2BP01."""
    if proc.oid < FIRST_NORMAL_OID:
        raise DDLError("2BP01", f"cannot drop function {proc.proname} because it is required by the database system")
    perform_deletion(session, [Address("proc", proc.oid)], cascade=cascade)


def rename_function(session: Session, statement: Statement) -> None:
    """ALTER FUNCTION ... RENAME TO. Raises DDLError 42723."""
    node = statement.node
    proc = find_function(session, node["object"]["ObjectWithArgs"], KINDS[node["renameType"]])
    if proc is None:
        _absent(session, node["object"]["ObjectWithArgs"])
    else:
        _move(session, replace(proc, proname=node["newname"]))


def set_schema_function(session: Session, statement: Statement) -> None:
    """ALTER FUNCTION ... SET SCHEMA. Raises DDLError 42723."""
    node = statement.node
    proc = find_function(session, node["object"]["ObjectWithArgs"], KINDS[node["objectType"]])
    if proc is None:
        _absent(session, node["object"]["ObjectWithArgs"])
        return
    namespace = target_namespace(session, node["newschema"])
    if namespace != proc.pronamespace:
        _move(session, replace(proc, pronamespace=namespace))


def _absent(session: Session, target: Raw) -> None:
    """A function that no file creates: an error where the files are all there is."""
    schema, name = names_of(target["objname"])
    if not has_unseen(session.catalog, schema, session.search_path):
        session.absent("42883", f"function {name} is created by no file")


def _move(session: Session, proc: Proc) -> None:
    if _same_signature(session, proc) is not None:
        raise DDLError("42723", f"function {proc.proname} already exists")
    session.catalog.procs.put(proc)


def own_function(session: Session, statement: Statement) -> None:
    """ALTER FUNCTION ... OWNER TO."""
    node = statement.node
    proc = find_function(session, node["object"]["ObjectWithArgs"], KINDS[node["objectType"]])
    owner = role_of(session, node["newowner"])
    if proc is None:
        _absent(session, node["object"]["ObjectWithArgs"])
    else:
        session.catalog.procs.put(with_owner(proc, owner))


HANDLERS: Final[dict[str, Handler]] = {
    "CreateFunctionStmt": create_function,
    "AlterFunctionStmt": alter_function,
}
