"""CREATE and ALTER TYPE and DOMAIN in, pg_type rows out (commands/typecmds.c)."""

from __future__ import annotations

from typing import Final

from rlslint.analyze.entry import rejections, stored_expr
from rlslint.analyze.func import has_unseen
from rlslint.analyze.grouping import misplaced
from rlslint.analyze.typename import names_of, resolve_type_name
from rlslint.catalog.catalog import FIRST_NORMAL_OID, Catalog
from rlslint.catalog.rows import Attribute, Constraint, Relation, Type
from rlslint.nodes.primnodes import Oid
from rlslint.records import replace
from rlslint.replay.columns import collation
from rlslint.replay.dependency import perform_deletion
from rlslint.replay.lookup import require_free, target_namespace
from rlslint.replay.names import options, role_of
from rlslint.replay.references import Address
from rlslint.replay.session import DDLError, Handler, Session
from rlslint.source.model import Raw, Statement


def create_enum(session: Session, statement: Statement) -> None:
    """CREATE TYPE ... AS ENUM. Raises DDLError 42710."""
    labels = tuple(item["String"].get("sval", "") for item in statement.node.get("vals", ()))
    if len(set(labels)) < len(labels):
        raise DDLError("42710", "enum label used more than once")
    row = Type(oid=0, typname="", typnamespace=0, typtype="e", typcategory="E", labels=labels)
    add_type(session, statement, statement.node["typeName"], row)


def create_composite(session: Session, statement: Statement) -> None:
    """CREATE TYPE ... AS (...). Raises DDLError 42710."""
    catalog = session.catalog
    node = statement.node
    target = node["typevar"]
    namespace = target_namespace(session, target.get("schemaname"))
    require_free(session, namespace, target["relname"])
    attributes = []
    for number, item in enumerate(node.get("coldeflist", ()), start=1):
        column = item["ColumnDef"]
        oid, modifier = resolve_type_name(catalog, column["typeName"], session.search_path)
        attributes.append(Attribute(attnum=number, attname=column["colname"], atttypid=oid, atttypmod=modifier))
    relid = catalog.new_oid()
    row = put_type(
        session,
        statement,
        Type(
            oid=0,
            typname=target["relname"],
            typnamespace=namespace,
            typtype="c",
            typcategory="C",
            typrelid=relid,
        ),
    )
    catalog.relations.put(
        Relation(
            oid=relid,
            relname=target["relname"],
            relnamespace=namespace,
            relkind="c",
            relowner=session.role,
            attributes=tuple(attributes),
            reltype=row.oid,
            origin=statement.span,
        )
    )


def create_base(session: Session, statement: Statement) -> None:
    """CREATE TYPE name [(...)]: a shell, then the base type that takes its place. Raises DDLError 42710."""
    node = statement.node
    catalog = session.catalog
    schema, name = names_of(node["defnames"])
    namespace = target_namespace(session, schema)
    old = catalog.types.first("name", (namespace, name))
    if "definition" not in node:
        if old is not None:
            raise DDLError("42710", f'type "{name}" already exists')
        shell = Type(oid=catalog.new_oid(), typname=name, typnamespace=namespace, typtype="p", typowner=session.role)
        catalog.types.put(replace(shell, origin=statement.span))
        return
    row = Type(oid=0, typname=name, typnamespace=namespace, typtype="b", typowner=session.role)
    for option, element in options(node["definition"]):
        if option == "like":
            like = catalog.types.get(resolve_type_name(catalog, element["arg"]["TypeName"], session.search_path)[0])
            if like is not None:
                row = replace(row, typcategory=like.typcategory, typcollation=like.typcollation)
        elif option == "category":
            row = replace(row, typcategory=element["arg"]["String"]["sval"])
    if old is None or old.typtype != "p" or old.oid < FIRST_NORMAL_OID:
        put_type(session, statement, row)
        return
    array = catalog.new_oid()
    catalog.types.put(replace(row, oid=old.oid, typarray=array, origin=statement.span))
    catalog.types.put(_array_of(session, replace(row, oid=old.oid, typarray=array)))


def create_domain(session: Session, statement: Statement) -> None:
    """CREATE DOMAIN with its constraints. Raises DDLError 42710."""
    node = statement.node
    catalog = session.catalog
    base, modifier = resolve_type_name(catalog, node["typeName"], session.search_path)
    below = catalog.types.get(base)
    row = add_type(
        session,
        statement,
        node["domainname"],
        Type(
            oid=0,
            typname="",
            typnamespace=0,
            typtype="d",
            typbasetype=base,
            typtypmod=modifier,
            typcategory="U" if below is None else below.typcategory,
            typcollation=collation(session, node, base),
        ),
    )
    for item in node.get("constraints", ()):
        default = item["Constraint"].get("raw_expr") if item["Constraint"]["contype"] == "CONSTR_DEFAULT" else None
        if default is not None:
            stored = stored_expr(catalog, statement, default, 0, session.search_path, where="DEFAULT expressions")
            for problem in rejections(stored.expr):
                raise DDLError(problem.sqlstate or "42601", problem.reason)
        _add_domain_constraint(session, statement, row.oid, item["Constraint"])


def _add_domain_constraint(session: Session, statement: Statement, oid: Oid, node: Raw) -> None:
    catalog = session.catalog
    row = catalog.types[oid]
    match node["contype"]:
        case "CONSTR_NOTNULL":
            catalog.types.put(replace(row, typnotnull=True))
        case "CONSTR_CHECK":
            taken = {one.conname for one in catalog.constraints if one.contypid == oid}
            name = node.get("conname") or _free_name(f"{row.typname}_check", taken)
            if name in taken:
                raise DDLError("42710", f'constraint "{name}" for domain "{row.typname}" already exists')
            # what VALUE is the analyzer does not know: only what may not stand in a check is an error
            stored = stored_expr(catalog, statement, node["raw_expr"], 0, session.search_path)
            problem = misplaced(stored.expr, "check constraints", subqueries=False)
            if problem is not None:
                raise DDLError(problem.sqlstate or "0A000", problem.reason)
            catalog.constraints.put(
                Constraint(
                    oid=catalog.new_oid(),
                    conname=name,
                    conrelid=0,
                    contype="c",
                    contypid=oid,
                    convalidated=not node.get("skip_validation"),
                    conexpr=stored,
                    origin=statement.span,
                )
            )


def _free_name(name: str, taken: set[str]) -> str:
    number = 0
    chosen = name
    while chosen in taken:
        number += 1
        chosen = f"{name}{number}"
    return chosen


def add_type(session: Session, statement: Statement, parts: list[Raw], row: Type) -> Type:
    """Store a type under the name that is written. Raises DDLError 42710."""
    schema, name = names_of(parts)
    namespace = target_namespace(session, schema)
    return put_type(session, statement, replace(row, typname=name, typnamespace=namespace))


def put_type(session: Session, statement: Statement, row: Type) -> Type:
    """Store a type with its array type. Raises DDLError 42710."""
    catalog = session.catalog
    held = catalog.types.first("name", (row.typnamespace, row.typname))
    if held is not None and held.typcategory != "A":
        raise DDLError("42710", f'type "{row.typname}" already exists')
    oid, array = catalog.new_oid(), catalog.new_oid()
    row = replace(row, oid=oid, typarray=array, typowner=session.role, origin=statement.span)
    catalog.types.put(row)
    catalog.types.put(_array_of(session, row))
    return row


def _array_of(session: Session, row: Type) -> Type:
    name = f"_{row.typname}"
    while session.catalog.types.first("name", (row.typnamespace, name)) is not None:
        name = f"_{name}"
    return Type(
        oid=row.typarray,
        typname=name,
        typnamespace=row.typnamespace,
        typtype="b",
        typcategory="A",
        typelem=row.oid,
        typowner=row.typowner,
        typcollation=row.typcollation,
        origin=row.origin,
    )


def alter_enum(session: Session, statement: Statement) -> None:
    """ALTER TYPE ... ADD VALUE | RENAME VALUE. Raises DDLError 22023, 42710, 42809."""
    node = statement.node
    row = find_type(session, node["typeName"])
    if row is None:
        _absent(session, node["typeName"])
        return
    if row.typtype != "e" and row.known:
        raise DDLError("42809", f"{row.typname} is not an enum")
    labels = list(row.labels)
    new = node["newVal"]
    if new in labels:
        if node.get("skipIfNewValExists"):
            return
        raise DDLError("42710", f'enum label "{new}" already exists')
    if "oldVal" in node:
        if node["oldVal"] not in labels:
            raise DDLError("22023", f'"{node["oldVal"]}" is not an existing enum label')
        labels[labels.index(node["oldVal"])] = new
    elif "newValNeighbor" in node:
        if node["newValNeighbor"] not in labels:
            raise DDLError("22023", f'"{node["newValNeighbor"]}" is not an existing enum label')
        labels.insert(labels.index(node["newValNeighbor"]) + bool(node.get("newValIsAfter")), new)
    else:
        labels.append(new)
    session.catalog.types.put(replace(row, labels=tuple(labels), origin=statement.span))


def alter_domain(session: Session, statement: Statement) -> None:
    """ALTER DOMAIN. Raises DDLError 42704 for a constraint that is not there."""
    node = statement.node
    catalog = session.catalog
    row = find_type(session, node["typeName"])
    if row is None:
        _absent(session, node["typeName"])
        return
    if row.typtype != "d" and row.known:
        raise DDLError("42809", f"{row.typname} is not a domain")
    match node.get("subtype"):
        case "C":
            _add_domain_constraint(session, statement, row.oid, node["def"]["Constraint"])
        case "O":
            catalog.types.put(replace(row, typnotnull=True))
        case "N":
            catalog.types.put(replace(row, typnotnull=False))
        case "X":
            held = _domain_constraint(session, row, node["name"])
            if held is not None:
                catalog.constraints.remove(held.oid)
            elif not node.get("missing_ok"):
                raise DDLError("42704", f'constraint "{node["name"]}" of domain "{row.typname}" does not exist')
        case "V":
            held = _domain_constraint(session, row, node["name"])
            if held is not None:
                catalog.constraints.put(replace(held, convalidated=True))


def _domain_constraint(session: Session, row: Type, name: str) -> Constraint | None:
    for constraint in session.catalog.constraints:
        if constraint.contypid == row.oid and constraint.conname == name:
            return constraint
    return None


def rename_domain_constraint(session: Session, statement: Statement) -> None:
    """ALTER DOMAIN ... RENAME CONSTRAINT."""
    node = statement.node
    row = find_type(session, node["object"]["List"]["items"])
    held = None if row is None else _domain_constraint(session, row, node["subname"])
    if row is None:
        _absent(session, node["object"]["List"]["items"])
    elif held is None:
        raise DDLError("42704", f'constraint "{node["subname"]}" for domain {row.typname} does not exist')
    elif _domain_constraint(session, row, node["newname"]) is not None:
        raise DDLError("42710", f'constraint "{node["newname"]}" for domain {row.typname} already exists')
    else:
        session.catalog.constraints.put(replace(held, conname=node["newname"]))


def _absent(session: Session, parts: list[Raw]) -> None:
    """A type that no file creates: an error where the files are all there is."""
    schema, name = names_of(parts)
    if not has_unseen(session.catalog, schema, session.search_path):
        session.absent("42704", f'type "{name}" is created by no file')


def find_type(session: Session, parts: list[Raw]) -> Type | None:
    """The type that a list of names means, or None."""
    schema, name = names_of(parts)
    return session.catalog.find_type(schema, name, session.search_path)


def drop_type(session: Session, statement: Statement, obj: Raw, missing_ok: bool, cascade: bool = False) -> None:
    """One object of DROP TYPE or DROP DOMAIN. Raises DDLError 2BP01."""
    row = find_type(session, obj["TypeName"]["names"])
    if row is None:
        if not missing_ok:
            _absent(session, obj["TypeName"]["names"])
        return
    relation = session.catalog.relations.get(row.typrelid)
    if row.oid < FIRST_NORMAL_OID or (relation is not None and relation.relkind != "c"):
        raise DDLError("2BP01", f"cannot drop type {row.typname} because something else requires it")
    perform_deletion(session, [Address("type", row.oid)], cascade=cascade)
    for cast in [one for one in session.catalog.casts if row.oid in (one.castsource, one.casttarget)]:
        session.catalog.casts.remove((cast.castsource << 32) | cast.casttarget)


def rename_type(session: Session, statement: Statement) -> None:
    """ALTER TYPE|DOMAIN ... RENAME TO. Raises DDLError 42710."""
    node = statement.node
    row = find_type(session, node["object"]["List"]["items"])
    if row is None:
        _absent(session, node["object"]["List"]["items"])
    else:
        _move(session, replace(row, typname=node["newname"]))


def set_schema_type(session: Session, statement: Statement) -> None:
    """ALTER TYPE|DOMAIN ... SET SCHEMA. Raises DDLError 42710."""
    node = statement.node
    row = find_type(session, node["object"]["List"]["items"])
    if row is None:
        _absent(session, node["object"]["List"]["items"])
        return
    namespace = target_namespace(session, node["newschema"])
    if namespace != row.typnamespace:
        _move(session, replace(row, typnamespace=namespace))


def _move(session: Session, row: Type) -> None:
    catalog = session.catalog
    if catalog.types.first("name", (row.typnamespace, row.typname)) is not None:
        raise DDLError("42710", f'type "{row.typname}" already exists')
    catalog.types.put(row)
    array = catalog.types.get(row.typarray)
    if array is not None:
        named = _array_of(session, row)
        catalog.types.put(replace(array, typname=named.typname, typnamespace=row.typnamespace))
    relation = catalog.relations.get(row.typrelid)
    if relation is not None:
        catalog.relations.put(replace(relation, relname=row.typname, relnamespace=row.typnamespace))


def own_type(session: Session, statement: Statement) -> None:
    """ALTER TYPE|DOMAIN ... OWNER TO."""
    row = find_type(session, statement.node["object"]["List"]["items"])
    owner = role_of(session, statement.node["newowner"])
    if row is None:
        _absent(session, statement.node["object"]["List"]["items"])
    else:
        give_type(session.catalog, row, owner)


def give_type(catalog: Catalog, row: Type, owner: Oid) -> None:
    """Give a type, its array type, a range's multirange and a composite type's relation an owner (AlterTypeOwner_oid)."""
    catalog.types.put(replace(row, typowner=owner))
    for oid in (row.typarray, row.rngmultitypid):
        part = catalog.types.get(oid)
        if part is not None:
            give_type(catalog, part, owner)
    relation = catalog.relations.get(row.typrelid)
    if relation is not None:
        catalog.relations.put(replace(relation, relowner=owner))


HANDLERS: Final[dict[str, Handler]] = {
    "CreateEnumStmt": create_enum,
    "CompositeTypeStmt": create_composite,
    "CreateDomainStmt": create_domain,
    "AlterEnumStmt": alter_enum,
    "AlterDomainStmt": alter_domain,
}
