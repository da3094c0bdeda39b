"""A function name and argument types in, the overload that PostgreSQL picks out (parse_func.c)."""

from __future__ import annotations

from collections.abc import Sequence

from rlslint.analyze import types as t
from rlslint.analyze.coerce import GenericMiss, can_coerce, enforce_generic_types, find_pathway
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Oid
from rlslint.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class FuncMatch:
    """The function, the types its given arguments are coerced to, and its result type, polymorphism resolved."""

    proc: Proc
    argtypes: tuple[Oid, ...]
    rettype: Oid
    variadic_from: int = -1
    """Index of the first argument that is gathered into the VARIADIC array; -1 for none."""
    argnumbers: tuple[int, ...] = ()
    """Where arguments are given by name, the parameter that each one is for; () for the call's own order."""


@dataclass(frozen=True, slots=True)
class FuncMiss:
    """No single function: PostgreSQL's message and SQLSTATE, or None where it only is unknown here."""

    reason: str
    sqlstate: str | None
    cast: Oid = 0
    """The type that the name means where the call is a cast: ``text(x)``."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    proc: Proc
    argtypes: tuple[Oid, ...]
    """Declared types of the given arguments, in the call's order."""
    position: int
    """Of its schema in the search path."""
    variadic_from: int = -1
    argnumbers: tuple[int, ...] = ()
    ambiguous: bool = False
    """Stands for several functions that the arguments cannot tell apart."""


def resolve_function(
    catalog: Catalog,
    schema: str | None,
    name: str,
    argtypes: Sequence[Oid],
    search_path: tuple[str, ...],
    *,
    variadic: bool = False,
    named: Sequence[str] = (),
) -> FuncMatch | FuncMiss:
    """The overload for these arguments; the last ``len(named)`` of them are given by name (func_get_detail)."""
    procs = catalog.find_procs(schema, name, search_path)
    cast = 0 if named or variadic or len(argtypes) != 1 else _cast(catalog, schema, name, argtypes[0], search_path)
    if not procs and not cast:
        return _unknown(catalog, schema, name, argtypes)
    given = tuple(argtypes)
    candidates = _candidates(procs, len(given), variadic, tuple(named))
    exact = [one for one in candidates if one.argtypes == given]
    if exact:
        return _match(catalog, schema, exact[0], given, variadic)
    if cast:
        return FuncMiss(f"{name}() is a cast", None, cast)
    usable = [one for one in candidates if can_coerce(catalog, given, one.argtypes)]
    if len(usable) > 1:
        usable = [usable[i] for i in select_candidate(catalog, [one.argtypes for one in usable], given)]
    if len(usable) == 1:
        return _match(catalog, schema, usable[0], given, variadic)
    if 0 in argtypes:
        named_alike = usable or candidates
        if len(named_alike) == 1:
            return _match(catalog, schema, named_alike[0], given, variadic)
        rettypes = {one.proc.prorettype for one in named_alike}
        if named_alike and len(rettypes) == 1 and not rettypes & t.POLYMORPHIC:
            return _match(catalog, schema, named_alike[0], given, variadic)
        return FuncMiss(f"{name}() with an argument of unknown type", None)
    shown = _signature(catalog, schema, name, argtypes)
    if has_unseen(catalog, schema, search_path):
        return FuncMiss(f"no function {shown} is created by a file", None)
    if usable:
        return FuncMiss(f"function {shown} is not unique", "42725")
    return FuncMiss(f"function {shown} does not exist", "42883")


def has_unseen(catalog: Catalog, schema: str | None, search_path: tuple[str, ...]) -> bool:
    """Whether a schema that is searched may hold overloads that no file shows: one that no file creates, or one with
    an extension whose objects are not known here."""
    searched = {schema} if schema is not None else set(search_path)
    if searched & catalog.unknown_schemas:
        return True
    return any(
        not extension.known and catalog.nspname(extension.extnamespace) in searched
        for extension in catalog.extensions.values()
    )


def _cast(catalog: Catalog, schema: str | None, name: str, source: Oid, search_path: tuple[str, ...]) -> Oid:
    """The type of that name if calling it can only relabel its argument or go through text (func_get_detail)."""
    row = catalog.find_type(schema, name, search_path)
    if row is None or row.typrelid or source == 0:
        return 0
    if source == t.UNKNOWN:
        return row.oid
    path, _ = find_pathway(catalog, row.oid, source, "e")
    if path == "io" and row.typcategory == "S" and t.is_composite(catalog, source):
        return 0
    return row.oid if path in ("relabel", "io") else 0


def _unknown(catalog: Catalog, schema: str | None, name: str, argtypes: Sequence[Oid]) -> FuncMiss:
    """No function of that name: certain only where nothing unseen could have made it, that is in pg_catalog."""
    sqlstate = "42883" if schema == "pg_catalog" else None
    return FuncMiss(f"function {_signature(catalog, schema, name, argtypes)} is created by no file", sqlstate)


def _candidates(procs: Sequence[Proc], count: int, variadic: bool, named: tuple[str, ...]) -> list[_Candidate]:
    """Functions that can take so many arguments (FuncnameGetCandidates), procedures included."""
    found: dict[tuple[Oid, ...], _Candidate] = {}
    positions: dict[Oid, int] = {}
    for proc in procs:
        position = positions.setdefault(proc.pronamespace, len(positions))
        one = _shape(proc, position, count, variadic, named)
        if one is None:
            continue
        held = found.get(one.argtypes)
        found[one.argtypes] = one if held is None else _preferred(held, one)
    return list(found.values())


def _preferred(held: _Candidate, new: _Candidate) -> _Candidate:
    """Of two that take the same types: the earlier schema's, then the one without VARIADIC expansion."""
    if held.position != new.position:
        return held
    if (held.variadic_from < 0) != (new.variadic_from < 0):
        return held if held.variadic_from < 0 else new
    return replace(held, ambiguous=True)


def _shape(proc: Proc, position: int, count: int, variadic: bool, named: tuple[str, ...]) -> _Candidate | None:
    declared = proc.proargtypes
    too_few = count + proc.pronargdefaults < len(declared)
    if named:
        # parameters that VARIADIC expansion makes have no names
        if count > len(declared) or too_few or (proc.provariadic and not variadic):
            return None
        numbers = _match_names(proc, count, named)
        if numbers is None or (variadic and numbers[-1] != count - 1):
            return None
        return _Candidate(proc, tuple(declared[i] for i in numbers), position, argnumbers=numbers)
    if proc.provariadic and not variadic and len(declared) <= count:
        fixed = len(declared) - 1
        return _Candidate(proc, declared[:fixed] + (proc.provariadic,) * (count - fixed), position, fixed)
    if count > len(declared) or too_few:
        return None
    return _Candidate(proc, declared[:count], position)


def _match_names(proc: Proc, count: int, named: tuple[str, ...]) -> tuple[int, ...] | None:
    """The parameter for each argument; None where a name fits none, or one without default is left (MatchNamedCall)."""
    inputs = input_names(proc)
    positional = count - len(named)
    if not set(named) <= set(inputs[positional:]):
        return None
    numbers = (*range(positional), *(inputs.index(name, positional) for name in named))
    required = range(len(proc.proargtypes) - proc.pronargdefaults)
    return numbers if set(required) <= set(numbers) else None


def input_names(proc: Proc) -> tuple[str, ...]:
    """Names of the input arguments, empty where unnamed."""
    names = proc.proargnames or ("",) * len(proc.proargtypes)
    if not proc.proargmodes:
        return names
    return tuple(name for name, mode in zip(names, proc.proargmodes, strict=False) if mode in ("i", "b", "v"))


def _match(
    catalog: Catalog, schema: str | None, one: _Candidate, given: Sequence[Oid], variadic: bool
) -> FuncMatch | FuncMiss:
    name = one.proc.proname
    if one.ambiguous:
        return FuncMiss(f"function {_signature(catalog, schema, name, given)} is not unique", "42725")
    if one.proc.prokind == "p":
        return FuncMiss(f"{_signature(catalog, schema, name, given)} is a procedure", "42809")
    if variadic and one.proc.provariadic == t.ANY and given[-1] and not t.element_type(catalog, given[-1]):
        return FuncMiss("VARIADIC argument must be an array", "42804")
    made = enforce_generic_types(catalog, given, one.argtypes, one.proc.prorettype)
    if isinstance(made, GenericMiss):
        return FuncMiss(made.reason, made.sqlstate)
    first = one.variadic_from
    gathered = made[0][first] if 0 <= first < len(given) and one.proc.provariadic != t.ANY else 0
    if gathered and not t.array_type(catalog, gathered):
        return FuncMiss(f"could not find array type for data type {format_type(catalog, gathered)}", "42704")
    return FuncMatch(one.proc, made[0], made[1], one.variadic_from, one.argnumbers)


def select_candidate(catalog: Catalog, candidates: Sequence[Sequence[Oid]], given: Sequence[Oid]) -> list[int]:
    """Indexes of the best candidates by their argument types (func_select_candidate); one, if it is unambiguous."""
    bases = [t.base_type(catalog, oid) if oid != t.UNKNOWN else t.UNKNOWN for oid in given]
    left = list(range(len(candidates)))

    def best(score: dict[int, int], keep: list[int]) -> list[int]:
        top = max(score[i] for i in keep)
        return [i for i in keep if score[i] == top] if top > 0 else keep

    exact = {
        i: sum(base == arg for base, arg in zip(bases, candidates[i], strict=True) if base != t.UNKNOWN) for i in left
    }
    left = best(exact, left)
    if len(left) == 1:
        return left
    categories = [t.category(catalog, base)[0] for base in bases]
    preferred = {
        i: sum(
            base == arg or _preferred_in(catalog, arg, cat)
            for base, arg, cat in zip(bases, candidates[i], categories, strict=True)
            if base != t.UNKNOWN
        )
        for i in left
    }
    left = best(preferred, left)
    if len(left) == 1:
        return left
    if t.UNKNOWN not in bases:
        return left
    left = _by_unknown_categories(catalog, candidates, bases, left)
    if len(left) == 1:
        return left
    known = {base for base in bases if base != t.UNKNOWN}
    if len(known) == 1:
        # the unknown literals taken for the type of the known arguments
        assumed = next(iter(known))
        fitting = [i for i in left if can_coerce(catalog, [assumed] * len(bases), candidates[i])]
        if len(fitting) == 1:
            return fitting
    return left


def _by_unknown_categories(
    catalog: Catalog, candidates: Sequence[Sequence[Oid]], bases: list[Oid], left: list[int]
) -> list[int]:
    chosen: list[tuple[str, bool] | None] = []
    for position, base in enumerate(bases):
        if base != t.UNKNOWN:
            chosen.append(None)
            continue
        found = {t.category(catalog, candidates[i][position])[0] for i in left}
        if "S" in found:
            slot = "S"
        elif len(found) == 1:
            slot = next(iter(found))
        else:
            return left
        has_preferred = any(t.category(catalog, candidates[i][position]) == (slot, True) for i in left)
        chosen.append((slot, has_preferred))

    def fits(i: int) -> bool:
        for position, want in enumerate(chosen):
            if want is None:
                continue
            category, preferred = t.category(catalog, candidates[i][position])
            if category != want[0] or (want[1] and not preferred):
                return False
        return True

    kept = [i for i in left if fits(i)]
    return kept or left


def _preferred_in(catalog: Catalog, arg: Oid, category: str) -> bool:
    return t.category(catalog, arg) == (category, True)


def _signature(catalog: Catalog, schema: str | None, name: str, argtypes: Sequence[Oid]) -> str:
    shown = ", ".join("unknown" if oid == t.UNKNOWN else format_type(catalog, oid) for oid in argtypes)
    return f"{schema + '.' if schema else ''}{name}({shown})"
