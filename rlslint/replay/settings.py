"""SET, RESET, set_config() and transaction statements in, the session's settings and savepoints out (guc.c, xact.c)."""

from __future__ import annotations

from typing import Any, Final

from rlslint.analyze.entry import parse_search_path
from rlslint.analyze.typename import quote_identifier
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.names import role_by_name, word
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement

_LISTS: Final = frozenset({"search_path", "temp_tablespaces", "session_preload_libraries", "shared_preload_libraries"})
"""Settings that are lists of names (GUC_LIST_QUOTE): SET quotes each."""


def set_variable(session: Session, statement: Statement) -> None:
    """SET, SET LOCAL, RESET, SET ... TO DEFAULT. Raises DDLError 22023 for a role that files drop."""
    node = statement.node
    name = node.get("name", "").lower()
    local = bool(node.get("is_local"))
    match node["kind"]:
        case "VAR_SET_VALUE":
            if name in ("role", "session_authorization"):
                _set_role(session, name, _first(node.get("args", [])), local=local)
            else:
                assign(session, name, flatten(name, node.get("args", [])), local=local)
        case "VAR_SET_DEFAULT" | "VAR_RESET":
            reset(session, name, local=local)
        case "VAR_RESET_ALL":
            reset_all(session)


def assign(session: Session, name: str, value: str, *, local: bool) -> None:
    """Give a setting a value for the session, or until the transaction ends."""
    _remember(session, local=local)
    session.settings[name] = value
    if name == "search_path":
        session.search_path_setting = parse_search_path(value)
        session.refresh_search_path()


def reset(session: Session, name: str, *, local: bool = False) -> None:
    """Give a setting its default back."""
    _remember(session, local=local)
    if name == "role":
        session.role = session.login_role
        session.refresh_search_path()
    elif name == "session_authorization":
        session.role = session.login_role = session.start_role
        session.refresh_search_path()
    elif name == "search_path":
        session.settings.pop(name, None)
        session.search_path_setting = session.start_search_path
        session.refresh_search_path()
    else:
        session.settings.pop(name, None)


def reset_all(session: Session) -> None:
    """RESET ALL: every setting but the role."""
    for name in ("search_path", *session.settings):
        reset(session, name)


def _set_role(session: Session, name: str, value: str, *, local: bool) -> None:
    _remember(session, local=local)
    if name == "role" and value == "none":
        session.role = session.login_role
    else:
        session.role = role_by_name(session, value)
        if name == "session_authorization":
            session.login_role = session.role
    session.refresh_search_path()


def _remember(session: Session, *, local: bool) -> None:
    """SET LOCAL ends with its transaction: keep what to go back to."""
    if local and session.local_settings is None:
        session.local_settings = session.savepoint()


def end_transaction(session: Session) -> None:
    """Undo what SET LOCAL changed: call it when a transaction commits."""
    before = session.local_settings
    if before is not None:
        session.local_settings = None
        session.restore_settings(before)


def start_session(session: Session) -> None:
    """A new connection: no transaction, nothing temporary, role and settings as they are at login."""
    session.savepoints.clear()
    _discard_temporary(session)
    session.local_settings = None
    session.settings.clear()
    session.role = session.login_role = session.start_role
    session.search_path_setting = session.start_search_path
    session.refresh_search_path()


def discard(session: Session, statement: Statement) -> None:
    """DISCARD ALL and TEMP. Raises DDLError 25001 in a transaction."""
    target = statement.node.get("target", "DISCARD_ALL")
    if target == "DISCARD_ALL":
        if session.savepoints:
            raise DDLError("25001", "DISCARD ALL cannot run inside a transaction block")
        reset(session, "session_authorization")
        reset_all(session)
    if target in ("DISCARD_ALL", "DISCARD_TEMP"):
        _discard_temporary(session)


def _discard_temporary(session: Session) -> None:
    temporary = session.catalog.namespace_oid("pg_temp")
    if temporary is not None:
        perform_deletion(session, [Address("namespace", temporary)], cascade=True)


def flatten(name: str, args: list[Raw]) -> str:
    """The arguments of SET as the setting's text (flatten_set_variable_args)."""
    texts = [_constant(arg) for arg in args]
    if name in _LISTS:
        # one quoted list is what pg_dump and many people write, but to PostgreSQL it is a single name
        return ", ".join(quote_identifier(text) if text else '""' for text in texts)
    return ", ".join(texts)


def _first(args: list[Raw]) -> str:
    return _constant(args[0]) if args else ""


def _constant(arg: Raw) -> str:
    inner: dict[str, Any] = arg.get("A_Const", {})
    if not inner:
        inner = arg.get("TypeCast", {}).get("arg", {}).get("A_Const", {})
    if "sval" in inner:
        return str(inner["sval"].get("sval", ""))
    if "ival" in inner:
        return str(inner["ival"].get("ival", 0))
    if "fval" in inner:
        return str(inner["fval"].get("fval", ""))
    if "boolval" in inner:
        return "true" if inner["boolval"].get("boolval") else "false"
    return ""


def change_config(session: Session, config: tuple[tuple[str, str], ...], node: Raw) -> tuple[tuple[str, str], ...]:
    """A function's or role's settings after a SET or RESET clause (update_proconfig_value)."""
    name = node.get("name", "").lower()
    rest = tuple(entry for entry in config if entry[0] != name)
    match node["kind"]:
        case "VAR_SET_VALUE":
            value = flatten(name, node.get("args", []))
        case "VAR_SET_CURRENT" if name == "search_path":
            value = ", ".join(quote_identifier(part) for part in session.search_path_setting) or '""'
        case "VAR_SET_CURRENT":
            value = session.settings.get(name, "")
        case "VAR_RESET_ALL":
            return ()
        case _:
            return rest
    if any(entry[0] == name for entry in config):
        return tuple((name, value) if entry[0] == name else entry for entry in config)
    return (*config, (name, value))


def select(session: Session, statement: Statement) -> None:
    """SELECT set_config(name, value, is_local), as pg_dump writes it."""
    for target in statement.node.get("targetList", ()):
        call = target.get("ResTarget", {}).get("val", {}).get("FuncCall")
        if call is None or call["funcname"][-1]["String"]["sval"] != "set_config" or len(call.get("args", ())) != 3:
            continue
        name, value, local = (_constant(arg) for arg in call["args"])
        set_config(session, name, value, local=local in ("true", "t"))


def set_config(session: Session, name: str, value: str, *, local: bool) -> None:
    """set_config(): like SET, but a list is given as one text."""
    if name.lower() in ("role", "session_authorization"):
        _set_role(session, name.lower(), value, local=local)
    else:
        assign(session, name.lower(), value, local=local)


_INSIDE: Final = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")


def transaction(session: Session, statement: Statement) -> None:
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK TO. Raises DDLError 3B001, 25P01."""
    node = statement.node
    if node.get("chain") or node["kind"] in _INSIDE:
        if not session.savepoints and not session.tool_transaction:
            raise DDLError("25P01", f"{statement.text} can only be used in transaction blocks")
    match node["kind"]:
        case "TRANS_STMT_BEGIN" | "TRANS_STMT_START":
            if not session.savepoints:
                session.savepoints.append(("", session.savepoint()))
        case "TRANS_STMT_COMMIT" | "TRANS_STMT_PREPARE":
            session.savepoints.clear()
            end_transaction(session)
            if node.get("chain"):
                session.savepoints.append(("", session.savepoint()))
        case "TRANS_STMT_ROLLBACK":
            if session.savepoints:
                session.restore(session.savepoints[0][1])
                session.savepoints.clear()
                session.local_settings = None
            if node.get("chain"):
                session.savepoints.append(("", session.savepoint()))
        case "TRANS_STMT_SAVEPOINT":
            session.savepoints.append((node["savepoint_name"], session.savepoint()))
        case "TRANS_STMT_RELEASE":
            del session.savepoints[_index(session, node["savepoint_name"]) :]
        case "TRANS_STMT_ROLLBACK_TO":
            index = _index(session, node["savepoint_name"])
            session.restore(session.savepoints[index][1])
            del session.savepoints[index + 1 :]


def _index(session: Session, name: str) -> int:
    for index in range(len(session.savepoints) - 1, -1, -1):
        if session.savepoints[index][0] == name:
            return index
    raise DDLError("3B001", f'savepoint "{name}" does not exist')


def alter_role_set(session: Session, statement: Statement) -> None:
    """ALTER ROLE|DATABASE ... SET: settings of later sessions, which each migration file may be."""
    node = statement.node
    setting = node["setstmt"]
    if setting.get("name") != "search_path" or setting["kind"] != "VAR_SET_VALUE":
        return
    if "role" in node:
        rolename = word({"arg": {"String": {"sval": node["role"].get("rolename", "")}}})
        if rolename != session.catalog.rolname(session.login_role):
            return
    session.start_search_path = parse_search_path(flatten("search_path", setting.get("args", [])))


HANDLERS: Final[dict[str, Handler]] = {
    "VariableSetStmt": set_variable,
    "DiscardStmt": discard,
    "TransactionStmt": transaction,
    "AlterRoleSetStmt": alter_role_set,
    "AlterDatabaseSetStmt": alter_role_set,
}
