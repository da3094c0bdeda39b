"""A function name and argument types in, the overload that PostgreSQL picks out (parse_func.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlslint.analyze import types as t
from rlslint.analyze.coerce import GenericMiss, can_coerce, enforce_generic_types, find_pathway
from rlslint.analyze.typename import format_type
from rlslint.catalog.catalog import Catalog
from rlslint.catalog.rows import Proc
from rlslint.nodes.primnodes import Oid


@dataclass(frozen=True, slots=True)
class FuncMatch:
    """The function, the types its given arguments are coerced to, and its result type, polymorphism resolved."""

    proc: Proc
    argtypes: tuple[Oid, ...]
    rettype: Oid
    variadic_from: int = -1
    """Index of the first argument that is gathered into the VARIADIC array; -1 for none."""


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
    variadic_from: int
    order: tuple[int, ...]
    """Position in ``argtypes`` of each given argument."""


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
    candidates = _candidates(procs, len(argtypes), variadic, tuple(named))
    exact = [one for one in candidates if [one.argtypes[i] for i in one.order] == list(argtypes)]
    if exact:
        return _match(catalog, exact[0], argtypes)
    if cast:
        return FuncMiss(f"{name}() is a cast", None, cast)
    usable = [one for one in candidates if can_coerce(catalog, argtypes, [one.argtypes[i] for i in one.order])]
    if len(usable) > 1:
        usable = _select(catalog, usable, argtypes)
    if len(usable) == 1:
        return _match(catalog, usable[0], argtypes)
    if 0 in argtypes:
        named_alike = usable or candidates
        if len(named_alike) == 1:
            return _match(catalog, named_alike[0], argtypes)
        rettypes = {one.proc.prorettype for one in named_alike}
        if named_alike and len(rettypes) == 1 and not rettypes & t.POLYMORPHIC:
            return _match(catalog, named_alike[0], argtypes)
        return FuncMiss(f"{name}() with an argument of unknown type", None)
    if usable:
        return FuncMiss(f"function {_signature(catalog, schema, name, argtypes)} is not unique", "42725")
    return FuncMiss(f"function {_signature(catalog, schema, name, argtypes)} does not exist", "42883")


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
    """Functions that can take so many arguments (FuncnameGetCandidates); an earlier schema hides equal arguments."""
    found: dict[tuple[Oid, ...], _Candidate] = {}
    for proc in procs:
        if proc.prokind == "p":
            continue
        one = _shape(proc, count, variadic, named)
        if one is not None and one.argtypes not in found:
            found[one.argtypes] = one
    return list(found.values())


def _shape(proc: Proc, count: int, variadic: bool, named: tuple[str, ...]) -> _Candidate | None:
    declared = proc.proargtypes
    if named:
        return _by_name(proc, count, named)
    if proc.provariadic and not variadic:
        fixed = len(declared) - 1
        if count < fixed or (count == fixed and not proc.pronargdefaults):
            return None
        argtypes = declared[:fixed] + (proc.provariadic,) * max(count - fixed, 0)
        return _Candidate(proc, argtypes, fixed, tuple(range(count)))
    if count > len(declared) or count < len(declared) - proc.pronargdefaults:
        return None
    return _Candidate(proc, declared[:count], -1, tuple(range(count)))


def _by_name(proc: Proc, count: int, named: tuple[str, ...]) -> _Candidate | None:
    inputs = input_names(proc)
    positional = count - len(named)
    if count > len(proc.proargtypes) or not set(named) <= set(inputs[positional:]):
        return None
    order = (*range(positional), *(inputs.index(name) for name in named))
    required = range(len(proc.proargtypes) - proc.pronargdefaults)
    if any(position not in order for position in required):
        return None
    return _Candidate(proc, proc.proargtypes, -1, order)


def input_names(proc: Proc) -> tuple[str, ...]:
    """Names of the input arguments, empty where unnamed."""
    names = proc.proargnames or ("",) * len(proc.proargtypes)
    if not proc.proargmodes:
        return names
    return tuple(name for name, mode in zip(names, proc.proargmodes, strict=False) if mode in ("i", "b", "v"))


def _match(catalog: Catalog, one: _Candidate, given: Sequence[Oid]) -> FuncMatch | FuncMiss:
    declared = [one.argtypes[i] for i in one.order]
    made = enforce_generic_types(catalog, given, declared, one.proc.prorettype)
    if isinstance(made, GenericMiss):
        return FuncMiss(made.reason, made.sqlstate)
    return FuncMatch(one.proc, made[0], made[1], one.variadic_from)


def _select(catalog: Catalog, usable: list[_Candidate], given: Sequence[Oid]) -> list[_Candidate]:
    """func_select_candidate over functions."""
    best = select_candidate(catalog, [[one.argtypes[i] for i in one.order] for one in usable], given)
    chosen = [usable[i] for i in best]
    if len(chosen) > 1 and any(one.variadic_from < 0 for one in chosen):
        # a function that needs no VARIADIC expansion comes first
        plain = [one for one in chosen if one.variadic_from < 0]
        return plain if len(plain) == 1 else chosen
    return chosen


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
