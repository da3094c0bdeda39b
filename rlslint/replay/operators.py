"""DefineStmt (aggregates, operators, base types), CREATE CAST and CREATE OPERATOR CLASS in, their catalog rows out."""

from __future__ import annotations

from typing import Final, Literal

from rlslint.analyze.func import has_unseen
from rlslint.analyze.oper import OperMatch, resolve_operator
from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.catalog.catalog import FIRST_NORMAL_OID
from rlslint.catalog.rows import AmOp, Cast, OpClass, Operator, Proc
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.grants import HARD_WIRED, default_acl
from rlslint.replay.lookup import target_namespace
from rlslint.replay.names import flag, options, role_of
from rlslint.replay.references import Address
from rlslint.replay.routines import find_function
from rlslint.replay.session import DDLError, Handler, NotFollowed, Session
from rlslint.replay.types import create_base
from rlslint.source.model import Raw, Statement

_BOOL: Final = 16


def define(session: Session, statement: Statement) -> None:
    """CREATE AGGREGATE, OPERATOR, TYPE (base); collations and text-search objects change nothing here."""
    match statement.node["kind"]:
        case "OBJECT_AGGREGATE":
            create_aggregate(session, statement)
        case "OBJECT_OPERATOR":
            create_operator(session, statement)
        case "OBJECT_TYPE":
            create_base(session, statement)


def create_aggregate(session: Session, statement: Statement) -> None:
    """CREATE [OR REPLACE] AGGREGATE. Raises DDLError 42723."""
    node = statement.node
    catalog = session.catalog
    schema, name = names_of(node["defnames"])
    namespace = target_namespace(session, schema)
    argtypes: list[Oid] = []
    if not node.get("oldstyle"):
        for item in node["args"][0].get("List", {}).get("items", ()):
            argtypes.append(resolve_type_name(catalog, item["FunctionParameter"]["argType"], session.search_path)[0])
    state = final = 0
    for option, element in options(node["definition"]):
        arg = element.get("arg", {}).get("TypeName")
        if arg is None:
            continue
        if option == "basetype" and names_of(arg["names"])[1].lower() not in ("any", "*"):
            argtypes.append(resolve_type_name(catalog, arg, session.search_path)[0])
        elif option in ("stype", "stype1"):
            state = resolve_type_name(catalog, arg, session.search_path)[0]
        elif option in ("finalfunc", "finalfunc1"):
            procs = catalog.find_procs(*names_of(arg["names"]), session.search_path)
            final = procs[0].prorettype if procs else 0
    has_final = any(option.startswith("finalfunc") for option, _ in options(node["definition"]))
    old = [
        row
        for row in catalog.procs.find("name", name)
        if row.pronamespace == namespace and row.proargtypes == tuple(argtypes)
    ]
    if old and not node.get("replace"):
        raise DDLError("42723", f'function "{name}" already exists with same argument types')
    acl = default_acl(session, "f", namespace)
    catalog.procs.put(
        Proc(
            oid=old[0].oid if old else catalog.new_oid(),
            proname=name,
            pronamespace=namespace,
            proowner=session.role,
            prolang="internal",
            prokind="a",
            prorettype=final if has_final else state,
            proargtypes=tuple(argtypes),
            provolatile="i",
            proacl=None if acl == HARD_WIRED["f"] else acl,
            search_path=session.search_path,
            origin=statement.span,
            statement=statement,
        )
    )


def create_operator(session: Session, statement: Statement) -> None:
    """CREATE OPERATOR. Raises DDLError 42723, 42P13, Missing 42883."""
    node = statement.node
    catalog = session.catalog
    schema, name = names_of(node["defnames"])
    namespace = target_namespace(session, schema)
    left = right = 0
    function: list[Raw] = []
    commutator = negator = ""
    hashes = merges = False
    for option, element in options(node["definition"]):
        arg = element.get("arg", {})
        match option:
            case "leftarg":
                left = resolve_type_name(catalog, arg["TypeName"], session.search_path)[0]
            case "rightarg":
                right = resolve_type_name(catalog, arg["TypeName"], session.search_path)[0]
            case "function" | "procedure":
                function = arg["TypeName"]["names"]
            case "commutator":
                commutator = _operator_name(arg)
            case "negator":
                negator = _operator_name(arg)
            case "hashes":
                hashes = flag(element)
            case "merges":
                merges = flag(element)
    if not function:
        raise DDLError("42P13", "operator function must be specified")
    if not _has(node, "rightarg"):
        raise DDLError("42P13", "operator right argument type must be specified")
    wanted = tuple(oid for oid, given in ((left, _has(node, "leftarg")), (right, True)) if given)
    procs = [
        row
        for row in catalog.find_procs(*names_of(function), session.search_path)
        if len(row.proargtypes) == len(wanted) and row.proargtypes in (wanted, row.proargtypes)
    ]
    exact = [row for row in procs if row.proargtypes == wanted] or procs
    if not exact and not has_unseen(catalog, names_of(function)[0], session.search_path):
        session.absent("42883", f"function {names_of(function)[1]} with these operands is created by no file")
    if any(
        (row.oprnamespace, row.oprleft, row.oprright) == (namespace, left, right)
        for row in catalog.operators.find("name", name)
    ):
        raise DDLError("42723", f"operator {name} already exists")
    oid = catalog.new_oid()
    catalog.operators.put(
        Operator(
            oid=oid,
            oprname=name,
            oprnamespace=namespace,
            oprleft=left,
            oprright=right,
            oprresult=exact[0].prorettype if exact else _BOOL,
            oprcode=exact[0].oid if exact else 0,
            oprcanhash=hashes,
            oprcanmerge=merges,
        )
    )
    _link(session, oid, commutator, "oprcom")
    _link(session, oid, negator, "oprnegate")


def _has(node: Raw, name: str) -> bool:
    return any(option == name for option, _ in options(node["definition"]))


def _operator_name(arg: Raw) -> str:
    """COMMUTATOR's and NEGATOR's argument: OPERATOR(schema.name), or a bare operator."""
    if "List" in arg:
        return names_of(arg["List"]["items"])[1]
    if "TypeName" in arg:
        return names_of(arg["TypeName"]["names"])[1]
    return str(arg.get("String", {}).get("sval", ""))


def _link(session: Session, oid: Oid, name: str, field: Literal["oprcom", "oprnegate"]) -> None:
    """Join the operator with its commutator or negator once both are there (OperatorUpd)."""
    if not name:
        return
    catalog = session.catalog
    row = catalog.operators[oid]
    operands = (row.oprright, row.oprleft) if field == "oprcom" else (row.oprleft, row.oprright)
    for other in catalog.operators.find("name", name):
        if (other.oprleft, other.oprright) == operands and other.oprnamespace == row.oprnamespace:
            if field == "oprcom":
                catalog.operators.put(replace(row, oprcom=other.oid))
                if other.oid != oid:
                    catalog.operators.put(replace(other, oprcom=oid))
            else:
                catalog.operators.put(replace(row, oprnegate=other.oid))
                catalog.operators.put(replace(other, oprnegate=oid))
            return


def create_cast(session: Session, statement: Statement) -> None:
    """CREATE CAST. Raises DDLError 42710."""
    node = statement.node
    catalog = session.catalog
    source = resolve_type_name(catalog, node["sourcetype"], session.search_path)[0]
    target = resolve_type_name(catalog, node["targettype"], session.search_path)[0]
    if not source or not target:
        if not has_unseen(catalog, None, session.search_path):
            session.absent("42704", "a type of the cast is created by no file")
        return
    if catalog.casts.find("pair", (source, target)):
        raise DDLError("42710", "cast already exists")
    proc = find_function(session, node["func"], "f") if "func" in node else None
    contexts: dict[str, Literal["e", "a", "i"]] = {
        "COERCION_IMPLICIT": "i",
        "COERCION_ASSIGNMENT": "a",
        "COERCION_EXPLICIT": "e",
    }
    catalog.casts.put(
        Cast(
            castsource=source,
            casttarget=target,
            castfunc=0 if proc is None else proc.oid,
            castcontext=contexts[node["context"]],
            castmethod="f" if "func" in node else ("i" if node.get("inout") else "b"),
        )
    )


def create_operator_class(session: Session, statement: Statement) -> None:
    """CREATE OPERATOR CLASS with its operators, in a family of its own. Raises DDLError 42710."""
    node = statement.node
    catalog = session.catalog
    schema, name = names_of(node["opclassname"])
    namespace = target_namespace(session, schema)
    method = node["amname"]
    held = catalog.opclasses.find("method_name", (method, name))
    if any(row.opcnamespace == namespace for row in held):
        raise DDLError("42710", f'operator class "{name}" for access method "{method}" already exists')
    intype = resolve_type_name(catalog, node["datatype"], session.search_path)[0]
    family = catalog.new_oid()
    storage = 0
    for item in node.get("items", ()):
        one = item["CreateOpClassItem"]
        if "storedtype" in one:
            storage = resolve_type_name(catalog, one["storedtype"], session.search_path)[0]
        if one.get("itemtype") != 1:
            continue
        given = [
            resolve_type_name(catalog, arg["TypeName"], session.search_path)[0]
            for arg in one["name"].get("objargs", ())
        ]
        left, right = given if len(given) == 2 else (intype, intype)
        operator_schema, operator_name = names_of(one["name"]["objname"])
        match = resolve_operator(catalog, operator_schema, operator_name, left, right, session.search_path)
        if isinstance(match, OperMatch):
            catalog.amops.put(
                AmOp(
                    oid=catalog.new_oid(),
                    amopfamily=family,
                    amoplefttype=left,
                    amoprighttype=right,
                    amopstrategy=one["number"],
                    amoppurpose="o" if "order_family" in one else "s",
                    amopopr=match.operator.oid,
                    amopmethod=method,
                )
            )
    catalog.opclasses.put(
        OpClass(
            oid=catalog.new_oid(),
            opcname=name,
            opcnamespace=namespace,
            opcmethod=method,
            opcfamily=family,
            opcintype=intype,
            opcdefault=bool(node.get("isDefault")),
            opckeytype=storage,
        )
    )


def drop_cast(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP CAST; nothing hangs on a cast, what an expression calls is its function. Raises DDLError 2BP01,
    Missing 42704."""
    catalog = session.catalog
    source, target = (
        resolve_type_name(catalog, item["TypeName"], session.search_path)[0] for item in obj["List"]["items"]
    )
    found = catalog.casts.find("pair", (source, target))
    if not found:
        if not missing_ok:
            names = [names_of(item["TypeName"]["names"])[1] for item in obj["List"]["items"]]
            session.absent("42704", f"cast from type {names[0]} to type {names[1]} is created by no file")
        return
    if found[0] not in tuple(catalog.casts):
        raise DDLError("2BP01", "cannot drop cast because it is required by the database system")
    catalog.casts.remove((source << 32) | target)


def _named_operator(session: Session, target: Raw, *, missing_ok: bool = False) -> Oid:
    """The operator of that name and operands, else 0. Raises Missing 42883."""
    catalog = session.catalog
    schema, name = names_of(target["objname"])
    operands = tuple(
        resolve_type_name(catalog, item["TypeName"], session.search_path)[0] if "TypeName" in item else 0
        for item in target["objargs"]
    )
    for row in catalog.find_operators(schema, name, session.search_path):
        if (row.oprleft, row.oprright) == operands:
            return row.oid
    if not missing_ok:
        session.absent("42883", f"operator {name} with these operands is created by no file")
    return 0


def own_operator(session: Session, statement: Statement) -> None:
    """ALTER OPERATOR ... OWNER TO: nothing here hangs on an operator's owner, but it has to be there. Raises Missing."""
    _named_operator(session, statement.node["object"]["ObjectWithArgs"])
    role_of(session, statement.node["newowner"])


def drop_operator(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP OPERATOR. Raises DDLError 2BP01 where something uses it, Missing 42883, NotFollowed."""
    catalog = session.catalog
    name = names_of(obj["ObjectWithArgs"]["objname"])[1]
    oid = _named_operator(session, obj["ObjectWithArgs"], missing_ok=missing_ok)
    if oid == 0:
        return
    if oid < FIRST_NORMAL_OID:
        raise DDLError("2BP01", f"cannot drop operator {name} because it is required by the database system")
    if catalog.amops.find("operator", oid):
        if cascade:
            raise NotFollowed("drops an operator together with its operator class")
        raise DDLError("2BP01", f"cannot drop operator {name} because an operator class requires it")
    perform_deletion(session, [Address("operator", oid)], cascade=cascade)


HANDLERS: Final[dict[str, Handler]] = {
    "DefineStmt": define,
    "CreateCastStmt": create_cast,
    "CreateOpClassStmt": create_operator_class,
}
