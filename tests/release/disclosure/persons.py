"""Subjects for tests of disclosure control, as rows, and what they look like as plain tuples."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from config.release import Disclosure, load_release_policy
from expectations.schemas.catalog import BATCH
from expectations.schemas.table import table_of
from tasks.release.disclosure.levers import quasi_identifiers, with_age_band, with_headers, with_study_age
from tasks.release.model import HEADERS
from tests.release.batches import a_subject

NO_STUDIES = BATCH["imaging_study"].schema.empty_table()


def a_control(**values: Any) -> Disclosure:
    """The default policy with some values changed."""
    return Disclosure(**(load_release_policy().disclosure.model_dump() | values))


def subjects_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """A subject table of usual rows with some values changed."""
    return table_of(BATCH["subject"], [a_subject(f"S{place:05}") | row for place, row in enumerate(rows)])


def persons_of(rows: Sequence[dict[str, Any]], policy: Disclosure, headers: Sequence[str] = ()) -> pa.Table:
    """Subjects as the levers take them; `headers` names those whose age and sex stand in headers."""
    shown = pa.Table.from_pylist([{"subject_id": one, "has_age": True, "has_sex": True} for one in headers], HEADERS)
    return with_headers(with_study_age(with_age_band(subjects_of(rows), policy), NO_STUDIES), shown)


def looks(persons: pa.Table) -> list[tuple[str, ...]]:
    """What each subject looks like."""
    names = quasi_identifiers(persons)
    return [tuple(str(row[name]) for name in names) for row in persons.to_pylist()]
