"""Lists of names, DefElem options and RoleSpecs in; words, flags and role OIDs out."""

from __future__ import annotations

from typing import Any

from rlslint.catalog.catalog import PUBLIC
from rlslint.nodes.primnodes import Oid
from rlslint.replay.lookup import ensure_role, role
from rlslint.replay.session import DDLError, Session
from rlslint.source.model import Raw


def strings(parts: list[Raw]) -> list[str]:
    """The words of a list of String nodes."""
    return [part["String"].get("sval", "") for part in parts]


def options(elements: list[Raw]) -> list[tuple[str, Raw]]:
    """(name, DefElem's fields) of a list of DefElem nodes, in order."""
    return [(element["DefElem"]["defname"], element["DefElem"]) for element in elements]


def flag(element: Raw) -> bool:
    """A DefElem's boolean; true when it has no argument (defGetBoolean)."""
    arg = element.get("arg")
    if arg is None:
        return True
    if "Boolean" in arg:
        return bool(arg["Boolean"].get("boolval", False))
    if "Integer" in arg:
        return bool(arg["Integer"].get("ival", 0))
    return str(arg.get("String", {}).get("sval", "")).lower() in ("true", "on", "yes", "1")


def word(element: Raw) -> str:
    """A DefElem's argument as text, type names and lists of names included (defGetString); empty without one."""
    arg: dict[str, Any] = element.get("arg", {})
    match next(iter(arg), ""):
        case "String":
            return str(arg["String"].get("sval", ""))
        case "TypeName":
            return ".".join(strings(arg["TypeName"]["names"]))
        case "List":
            return ".".join(strings(arg["List"].get("items", [])))
        case "Integer":
            return str(arg["Integer"].get("ival", 0))
        case "Float":
            return str(arg["Float"].get("fval", ""))
        case "Boolean":
            return "true" if arg["Boolean"].get("boolval") else "false"
    return ""


def role_by_name(session: Session, name: str) -> Oid:
    """A role's OID; one that no file creates is added, marked as not known. Raises DDLError for a dropped one."""
    if name == "public":
        return PUBLIC
    if name in session.dropped_roles and session.catalog.find_role(name) is None:
        raise DDLError("42704", f'role "{name}" does not exist')
    return ensure_role(session, name).oid


def role_of(session: Session, spec: Raw) -> Oid:
    """The role that a RoleSpec's fields mean (get_rolespec_oid); 0 is PUBLIC."""
    if spec.get("roletype", "ROLESPEC_CSTRING") == "ROLESPEC_CSTRING":
        return role_by_name(session, spec["rolename"])
    return role(session, spec)


def roles_of(session: Session, specs: list[Raw]) -> tuple[Oid, ...]:
    """The roles of a list of RoleSpec nodes."""
    return tuple(role_of(session, spec["RoleSpec"]) for spec in specs)
