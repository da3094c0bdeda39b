"""What RLS3xx share: facts in, which roles a client may come as, and whether an API reaches a schema, out."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.catalog.acl import has_privilege
from rlslint.catalog.catalog import PUBLIC
from rlslint.catalog.membership import has_privs_of_role
from rlslint.catalog.rows import Proc, Relation, Role
from rlslint.catalog.twins import others_of
from rlslint.checks.model import Facts
from rlslint.nodes.primnodes import Oid
from rlslint.plan.clauses import is_true
from rlslint.rewrite.access import function_calls
from rlslint.rewrite.functions import calls_closure
from rlslint.rewrite.model import PolicyClause
from rlslint.rewrite.privileges import has_any_column
from rlslint.rewrite.recursion import clauses_of
from rlslint.rewrite.rowsecurity import PolCmd, applicable_quals


def reachable(facts: Facts, schema: Oid) -> bool:
    """Whether clients may come to the schema: it is exposed, or nothing says which are and privileges alone decide."""
    return facts.exposed is None or facts.catalog.nspname(schema) in facts.exposed


def exposed(facts: Facts, schema: Oid) -> bool:
    """Whether preset or configuration says that an API serves the schema."""
    return facts.exposed is not None and facts.catalog.nspname(schema) in facts.exposed


def client_roles(facts: Facts) -> tuple[Oid, ...]:
    """Roles that requests run as and that row security binds: those of the API where there are any, else every role
    that is neither superuser nor bypasses row security. PUBLIC last, for roles that no file names. Of twins the first."""
    api = api_roles(facts)
    bound = [role for role in facts.catalog.roles if not role.rolsuper and not role.rolbypassrls and role.known]
    named = [role for role in bound if role.rolname in api]
    entry = facts.catalog.find_role("authenticator")
    if entry is not None:
        members = {role for role, _ in entry.memberof}
        named += [role for role in bound if role.oid in members and role not in named]
    others = others_of(facts.twins)
    return (*(role.oid for role in named or bound if not _predefined(role) and role.oid not in others), PUBLIC)


def api_roles(facts: Facts) -> frozenset[str]:
    """Names of the roles that an API's requests run as."""
    return frozenset((*facts.anonymous_roles, *facts.signed_in_roles))


def _predefined(role: Role) -> bool:
    return role.rolname.startswith("pg_")


def clients_with(facts: Facts, relation: Relation, *privileges: str) -> tuple[Oid, ...]:
    """Client roles, the table's owner and its members left out, that have one of the privileges on it and may enter
    its schema. PUBLIC is among them only where no named role is."""
    catalog = facts.catalog
    found = [
        role
        for role in client_roles(facts)
        if (role == PUBLIC or not has_privs_of_role(catalog, role, relation.relowner))
        and enters(facts, role, relation.relnamespace)
        and any(has_any_column(catalog, role, relation, privilege) for privilege in privileges)
    ]
    return tuple(role for role in found if role != PUBLIC) or tuple(found)


def enters(facts: Facts, role: Oid, schema: Oid) -> bool:
    """Whether the role has USAGE on the schema."""
    row = facts.catalog.namespaces.get(schema)
    return row is not None and has_privilege(facts.catalog, role, row, "usage")


def live_clauses(facts: Facts) -> dict[PolicyClause, tuple[Oid, ...]]:
    """Every policy's condition that is applied to somebody, with the roles."""
    if "live clauses" not in facts.asked:
        found: dict[PolicyClause, dict[Oid, None]] = {}
        for plan in facts.plans:
            for clause in clauses_of(plan.row_security):
                found.setdefault(clause, {})[plan.role] = None
        facts.asked["live clauses"] = {clause: tuple(roles) for clause, roles in found.items()}
    live: dict[PolicyClause, tuple[Oid, ...]] = facts.asked["live clauses"]
    return live


def restrictions(facts: Facts, relid: Oid, role: Oid, command: PolCmd) -> tuple[PolicyClause, ...]:
    """Restrictive conditions that stand before the command's rows, the new ones of INSERT and the existing ones of the
    others, and are not the constant true."""
    quals = applicable_quals(facts.catalog, relid, role, command, check=command == "a")
    simplifier = facts.simplifier(role)
    return tuple(clause for clause in quals.restrictive if not is_true(simplifier.qual_expr(clause.expr)))


def policy_functions(facts: Facts) -> tuple[tuple[Proc, PolicyClause, tuple[Oid, ...]], ...]:
    """Functions that the files made and that policies call, directly or through one another, each once, with the first
    condition that calls it and the roles this is applied to."""
    if "policy functions" not in facts.asked:
        facts.asked["policy functions"] = tuple(_policy_functions(facts))
    found: tuple[tuple[Proc, PolicyClause, tuple[Oid, ...]], ...] = facts.asked["policy functions"]
    return found


def _policy_functions(facts: Facts) -> Iterator[tuple[Proc, PolicyClause, tuple[Oid, ...]]]:
    seen: set[Oid] = set()
    for clause, roles in live_clauses(facts).items():
        for call in function_calls(clause.expr):
            called = facts.catalog.procs.get(call.funcid)
            if called is None or called.statement is None:
                continue
            for proc in calls_closure(facts.catalog, called):
                if proc.oid not in seen and proc.origin is not None:
                    seen.add(proc.oid)
                    yield proc, clause, roles


def signature(facts: Facts, proc: Proc) -> str:
    """``schema.name``; schema public left out."""
    schema = facts.catalog.nspname(proc.pronamespace)
    return proc.proname if schema == "public" else f"{schema}.{proc.proname}"
