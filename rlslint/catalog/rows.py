"""The catalog's rows, one class a pg_* catalog, columns spelled as PostgreSQL spells them. Frozen; change by replace().

``origin`` is the statement's span that last made the row what it is: findings are placed there. None for what exists
before the first migration (built-in objects and presets).
"""

from __future__ import annotations

from typing import Literal

from rlslint.nodes.parsenodes import Query
from rlslint.nodes.primnodes import Expr, Oid
from rlslint.records import dataclass, field
from rlslint.source.model import Raw, Span, Statement

Acl = frozenset[tuple[Oid, str]]
"""(grantee, privilege) pairs; grantee 0 is PUBLIC; privileges in lower case (``select``, ``execute``, ``usage`` ...)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredExpr:
    """An expression in the catalog (pg_node_tree): as resolved when it was stored, and as it was written.

    Compared by identity: two policies may hold the same text.
    """

    expr: Expr
    raw: Raw
    statement: Statement = field(compare=False)
    search_path: tuple[str, ...] = ()
    """The search_path in force when it was stored."""
    start: int = -1
    """Character offsets in ``statement.text`` of the expression as written, parentheses around it excluded."""
    end: int = -1

    @property
    def text(self) -> str:
        """The expression as its author wrote it."""
        return self.statement.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Its place in the file."""
        return self.statement.span_of(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """pg_namespace."""

    oid: Oid
    nspname: str
    nspowner: Oid
    nspacl: Acl = frozenset()
    ownerlacks: frozenset[str] = frozenset()
    """Privileges that were revoked from the owner, who has all others."""
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """pg_authid with pg_auth_members: ``memberof`` holds (role, inherit) pairs."""

    oid: Oid
    rolname: str
    rolsuper: bool = False
    rolinherit: bool = True
    rolbypassrls: bool = False
    rolcanlogin: bool = False
    memberof: tuple[tuple[Oid, bool], ...] = ()
    known: bool = True
    """False for a role that files only refer to: roles are cluster-wide and often made elsewhere."""
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """pg_type (and pg_enum, pg_range where they matter)."""

    oid: Oid
    typname: str
    typnamespace: Oid
    typtype: Literal["b", "c", "d", "e", "p", "r", "m"]
    typcategory: str = "U"
    typispreferred: bool = False
    typelem: Oid = 0
    """Element type of a true array."""
    typarray: Oid = 0
    typbasetype: Oid = 0
    typrelid: Oid = 0
    typcollation: Oid = 0
    typowner: Oid = 0
    labels: tuple[str, ...] = ()
    rngsubtype: Oid = 0
    """A range's subtype; a multirange's range."""
    rngmultitypid: Oid = 0
    """A range's multirange."""
    typnotnull: bool = False
    typtypmod: int = -1
    known: bool = True
    """False for a type no file creates (from an extension that is not known here)."""
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """pg_attribute. A dropped column keeps its number with ``attisdropped``."""

    attnum: int
    attname: str
    atttypid: Oid
    atttypmod: int = -1
    attnotnull: bool = False
    attcollation: Oid = 0
    attdefault: StoredExpr | None = None
    attgenerated: Literal["", "s", "v"] = ""
    attidentity: Literal["", "a", "d"] = ""
    attisdropped: bool = False
    attislocal: bool = True
    attacl: Acl = frozenset()
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """pg_class for everything but indexes, with its columns."""

    oid: Oid
    relname: str
    relnamespace: Oid
    relkind: Literal["r", "p", "v", "m", "S", "f", "c"]
    relowner: Oid
    attributes: tuple[Attribute, ...] = ()
    relrowsecurity: bool = False
    relforcerowsecurity: bool = False
    relpersistence: Literal["p", "u", "t"] = "p"
    relacl: Acl = frozenset()
    ownerlacks: frozenset[str] = frozenset()
    """Privileges that were revoked from the owner, who has all others."""
    reltype: Oid = 0
    reloftype: Oid = 0
    """The composite type of a typed table."""
    inhparents: tuple[Oid, ...] = ()
    relispartition: bool = False
    partkey: tuple[str, ...] = ()
    """Strategy and key columns or expressions of a partitioned table, as written."""
    partbound: str | None = None
    reloptions: tuple[tuple[str, str], ...] = ()
    """Storage and view options: security_invoker, security_barrier, check_option."""
    query: Query | None = None
    """A view's resolved query."""
    query_text: str = ""
    complete: bool = True
    """False where the columns are known in part only (made by something that could not be followed)."""
    ownedby: tuple[Oid, int] = (0, 0)
    """For a sequence: the column (table, number) that it belongs to and goes away with."""
    origin: Span | None = None
    rls_origin: Span | None = None
    """The statement that last switched row security."""

    def attribute(self, name: str) -> Attribute | None:
        """The live column of that name."""
        for attribute in self.attributes:
            if attribute.attname == name and not attribute.attisdropped:
                return attribute
        return None

    def column(self, attnum: int) -> Attribute:
        """The column with that number (positive), dropped ones included. Raises IndexError."""
        return self.attributes[attnum - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """pg_constraint. ``contype``: p, u, f, c, x (exclusion), n (not null, 18), t (trigger)."""

    oid: Oid
    conname: str
    conrelid: Oid
    contype: Literal["p", "u", "f", "c", "x", "n", "t"]
    conkey: tuple[int, ...] = ()
    confrelid: Oid = 0
    confkey: tuple[int, ...] = ()
    confdeltype: str = "a"
    confupdtype: str = "a"
    confmatchtype: str = "s"
    confdelsetcols: tuple[int, ...] = ()
    """The columns of ON DELETE SET NULL (column, ...); () for all."""
    conindid: Oid = 0
    condeferrable: bool = False
    condeferred: bool = False
    convalidated: bool = True
    conenforced: bool = True
    connoinherit: bool = False
    conexpr: StoredExpr | None = None
    contypid: Oid = 0
    """For a domain's constraint."""
    coninhparent: Oid = 0
    """The partitioned table's constraint that this one belongs to."""
    conislocal: bool = True
    """False for a check that only parents brought."""
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKey:
    """One key of an index: a column (``attnum`` > 0) or an expression."""

    attnum: int = 0
    expr: StoredExpr | None = None
    opclass: Oid = 0
    """0 where the operator class is not known."""
    collation: Oid = 0
    descending: bool = False
    nulls_first: bool = False
    exclude_op: Oid = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """pg_index with its pg_class row."""

    oid: Oid
    relname: str
    relnamespace: Oid
    indrelid: Oid
    amname: str
    keys: tuple[IndexKey, ...]
    include: tuple[int, ...] = ()
    attnames: tuple[str, ...] = ()
    """Names of its own columns, which stay when the table's are renamed: an index made after it is named by them."""
    indpred: StoredExpr | None = None
    indisunique: bool = False
    indisprimary: bool = False
    indisvalid: bool = True
    indnullsnotdistinct: bool = False
    inhparent: Oid = 0
    reloptions: tuple[tuple[str, str], ...] = ()
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """pg_policy, compared by identity. ``polroles`` holds role OIDs; (0,) is PUBLIC."""

    oid: Oid
    polname: str
    polrelid: Oid
    polcmd: Literal["*", "r", "a", "w", "d"]
    polpermissive: bool
    polroles: tuple[Oid, ...]
    polqual: StoredExpr | None
    polwithcheck: StoredExpr | None
    to_public_implicitly: bool = False
    """No TO clause was written."""
    origin: Span | None = None
    statement: Statement | None = None
    """The CREATE or ALTER POLICY that made it what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proc:
    """pg_proc. ``proargtypes`` are the input types; ``allargtypes`` with ``proargmodes`` where there are others."""

    oid: Oid
    proname: str
    pronamespace: Oid
    proowner: Oid
    prolang: str
    prokind: Literal["f", "p", "a", "w"]
    prorettype: Oid
    proargtypes: tuple[Oid, ...]
    proargnames: tuple[str, ...] = ()
    """Names of all arguments, empty strings where unnamed; () where none has a name."""
    proargmodes: tuple[str, ...] = ()
    proallargtypes: tuple[Oid, ...] = ()
    pronargdefaults: int = 0
    provariadic: Oid = 0
    proretset: bool = False
    provolatile: Literal["i", "s", "v"] = "v"
    prosecdef: bool = False
    proisstrict: bool = False
    proleakproof: bool = False
    proparallel: Literal["s", "r", "u"] = "u"
    procost: float | None = None
    """In units of cpu_operator_cost; None for the default, 1 for what is in C, else 100."""
    proconfig: tuple[tuple[str, str], ...] = ()
    prosrc: str = ""
    prosqlbody: bool = False
    """Written as BEGIN ATOMIC or RETURN: ``prosrc`` holds its SQL."""
    proacl: Acl | None = None
    """None: the default, EXECUTE to PUBLIC."""
    ownerlacks: frozenset[str] = frozenset()
    """Privileges that were revoked from the owner, who has all others."""
    search_path: tuple[str, ...] = ()
    """The search_path in force when it was created (a BEGIN ATOMIC body is resolved with it)."""
    constructs: Oid = 0
    """For a constructor of a range or multirange: the type, with which it comes and goes."""
    origin: Span | None = None
    statement: Statement | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """pg_operator."""

    oid: Oid
    oprname: str
    oprnamespace: Oid
    oprleft: Oid
    oprright: Oid
    oprresult: Oid
    oprcode: Oid
    oprcom: Oid = 0
    oprnegate: Oid = 0
    oprcanhash: bool = False
    oprcanmerge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """pg_cast."""

    castsource: Oid
    casttarget: Oid
    castfunc: Oid
    castcontext: Literal["e", "a", "i"]
    castmethod: Literal["f", "i", "b"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpClass:
    """pg_opclass with its family."""

    oid: Oid
    opcname: str
    opcnamespace: Oid
    opcmethod: str
    """Access method's name: btree, hash, gin, gist, brin, spgist."""
    opcfamily: Oid
    opcintype: Oid
    opcdefault: bool
    opckeytype: Oid = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AmOp:
    """pg_amop: an operator's strategy number in an operator family."""

    oid: Oid
    amopfamily: Oid
    amoplefttype: Oid
    amoprighttype: Oid
    amopstrategy: int
    amoppurpose: Literal["s", "o"]
    amopopr: Oid
    amopmethod: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """pg_trigger, as far as policies care."""

    oid: Oid
    tgname: str
    tgrelid: Oid
    tgfoid: Oid
    tgconstraint: bool = False
    """CREATE CONSTRAINT TRIGGER."""
    columns: tuple[int, ...] = ()
    """Columns that UPDATE OF and WHEN name: they cannot go without it."""
    tgenabled: bool = True
    origin: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultAcl:
    """pg_default_acl: privileges that objects made later by ``defaclrole`` get."""

    defaclrole: Oid
    defaclnamespace: Oid
    """0: every schema."""
    defaclobjtype: Literal["r", "S", "f", "T", "n"]
    grants: Acl
    revokes: Acl = frozenset()
