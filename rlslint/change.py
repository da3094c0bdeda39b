"""Findings before and after a change in; what the change caused and what it cured out.

A finding is the change's doing when it was not there before, or was less severe, or stands in a file that the change
brings. So an index that a new migration drops is reported at the old policy that it served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlslint.catalog.catalog import Catalog
from rlslint.findings import SEVERITIES, Finding


def caused(
    before: Sequence[Finding], after: Sequence[Finding], is_brought: Callable[[Finding], bool]
) -> tuple[list[Finding], list[Finding]]:
    """What the change caused, and what it cured, each in its order.

    ``is_brought`` says of a finding whether the change brings the file it stands in.
    """
    severity = {finding.fingerprint: SEVERITIES.index(finding.severity) for finding in before}
    there = {finding.fingerprint for finding in after}
    new = [
        finding
        for finding in after
        if severity.get(finding.fingerprint, -1) < SEVERITIES.index(finding.severity) or is_brought(finding)
    ]
    return new, [finding for finding in before if finding.fingerprint not in there]


def was_there(catalog: Catalog, finding: Finding) -> bool:
    """Whether the catalog holds what a finding is about: its policy, or its table where it names no policy.

    Without some files, those after them may make less: a policy of a later file whose table an earlier one makes is
    not the earlier file's doing.
    """
    if finding.schema is None or finding.table is None:
        return False
    relation = next(
        (
            row
            for row in catalog.relations
            if row.relname == finding.table and catalog.nspname(row.relnamespace) == finding.schema
        ),
        None,
    )
    if relation is None:
        return False
    if finding.policy is None:
        return True
    return any(policy.polname == finding.policy for policy in catalog.policies_of(relation.oid))
