"""Withdraw subjects, studies or series: remembered first, then a release without them, then their objects go."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from tasks.release.build import Check, build_release, plan_release
from tasks.release.change_log import ENTITY_TABLES
from tasks.release.gates import by_counts
from tasks.release.model import ReleaseContext, ReleasePlan, ReleaseReport, Tables
from tasks.release.reading import current_version, every_commit, open_tables
from tasks.release.selection import accepted_batches
from tasks.release.withdrawn import (
    COLUMNS,
    Withdrawal,
    ids_of,
    read_withdrawn,
    remember,
    require_known,
    require_reasons,
)

_TABLES = tuple(ENTITY_TABLES[entity] for entity in COLUMNS)


def withdraw(
    asked: Sequence[Withdrawal],
    version: str,
    *,
    context: ReleaseContext,
    progress: Callable[[int, int], None] | None = None,
    check: Check = by_counts,
) -> ReleaseReport:
    """Publish a release without some things and take their objects away; done again, it finishes what was begun.

    Once remembered, what was asked for stays out of every release, also if this one is refused.

    Parameters
    ----------
    progress, check
        As in `build_release`.

    Raises
    ------
    ConfigError
        If a reason is none of the list.
    BatchNotReadyError
        If something is in no release and no accepted batch; nothing was written.
    CurationError
        As from `build_release`; `VerificationError` also if an object cannot be removed.
    """
    require_reasons(asked)
    require_known(asked, _known(context))
    context.policy.check_version(version)
    remember(context.work, asked)
    return build_release(version, context=context, progress=progress, check=check)


def plan_withdrawal(asked: Sequence[Withdrawal], version: str, *, context: ReleaseContext) -> ReleasePlan:
    """Say what `withdraw` would do; writes nothing, and raises what it would raise before its first write."""
    require_reasons(asked)
    require_known(asked, _known(context))
    return plan_release(version, context=context, asked=asked)


def _known(context: ReleaseContext) -> Iterator[Tables]:
    """Give what may be withdrawn: what was before, what is released or accepted, and what any other release holds."""
    recorded = read_withdrawn(context.work)
    yield {ENTITY_TABLES[entity]: pa.table({column: ids_of(recorded, entity)}) for entity, column in COLUMNS.items()}
    for store in context.stores.values():
        if current_version(store):
            yield open_tables(store, None, _TABLES)
    with TemporaryDirectory(prefix="withdraw-") as folder:
        for batch in accepted_batches(context.work, context.policy, Path(folder)):
            yield {name: batch.tables[name] for name in _TABLES}
    for store in context.stores.values():
        current = current_version(store)
        for commit in every_commit(store, current):
            if commit.release_version != current:
                yield open_tables(store, commit.release_version, _TABLES)
