"""RLS212: a policy asks for a setting in a way that raises an error, where it is missing or empty, rather than denying."""

from __future__ import annotations

from collections.abc import Iterator

from rlslint.checks.globs import fits
from rlslint.checks.model import Facts, Match, Need, NeedDenial, NeedNote
from rlslint.plan.model import place
from rlslint.rewrite.model import PolicyClause
from rlslint.rewrite.settings import SettingRead, settings_read

_JSON = (114, 3802)


def check(facts: Facts, *, required_settings: tuple[str, ...]) -> Iterator[Match]:
    """One match a call of current_setting() (or of a helper that makes it), in a condition that some role meets."""
    for clause, roles in facts.applied.items():
        for read in dict.fromkeys(settings_read(facts.catalog, clause.expr)):
            if read.missing_ok and (not read.cast or _always_filled(read)):
                continue
            if fits(required_settings, read.name):
                continue
            proc = facts.catalog.procs.get(read.function)
            related = () if proc is None or proc.origin is None else ((proc.origin, "asked for in this function"),)
            type_name = facts.type_name(read.cast) if read.cast else ""
            yield Match(
                span=place(clause, read.call),
                relation=facts.catalog.relations[clause.policy.polrelid],
                policy=clause.policy,
                statements=facts.statements_under(clause),
                roles=tuple(roles),
                message="empty" if read.missing_ok else None,
                facts={
                    "table": facts.name(clause.policy.polrelid),
                    "setting": read.name,
                    "function": "" if proc is None else facts.catalog.qualified_name(proc),
                    "via": "" if proc is None else f" in {facts.catalog.qualified_name(proc)}()",
                    "type": type_name,
                    "sqlstate": "22P02" if read.missing_ok else "42704",
                },
                related=related,
                needs=_needs(clause, read, type_name),
            )


def _always_filled(read: SettingRead) -> bool:
    """PostgREST sets its JSON settings for every request, and they are never empty."""
    return read.name.startswith("request.") and read.cast in _JSON


def _needs(clause: PolicyClause, read: SettingRead, type_name: str) -> tuple[Need, ...]:
    """In the policy itself it may be written otherwise; a helper's body is its author's."""
    note = NeedNote(_cure(read, type_name), unless_cured=True)
    return (note,) if read.function else (NeedDenial(clause, read.name, bool(read.cast)), note)


def _cure(read: SettingRead, type_name: str) -> str:
    asked = f"current_setting('{read.name}', true)"
    return f"NULLIF({asked}, '')::{type_name}" if type_name else asked
