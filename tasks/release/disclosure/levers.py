"""The levers: what each coarsens of a subject, and the table of subjects coarsened until every class has k of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release import OVER_89, Disclosure, Lever
from config.vocab.terms import NOT_REPORTED
from expectations.schemas.table import LIST_OF_STRINGS
from tasks.release.disclosure.classes import OPEN, Codes, chosen_levels, coded, sizes

HISPANIC: Final = "Hispanic or Latino"
US_SCHEME: Final = "OMB"
ELSEWHERE: Final = "000"
KEPT_RACES: Final = ("White", "Black or African American", "Asian", NOT_REPORTED)  # the others become Other
STUDY_AGE: Final = "age_at_study"
HAS_AGE, HAS_SEX = "has_age", "has_sex"  # whether headers show it
QUASI: Final = (
    "age_at_index", "age_at_index_gt89", "age_band", STUDY_AGE, "sex", "race_ethnicity", "race", "ethnicity",
    "race_scheme", "country", "zip3", "site_id", "partition", HAS_AGE, HAS_SEX,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coarsened:
    """Subjects after the levers.

    `reached` holds, for each lever of the policy, whom it was pulled for, `pulled` whom it changed; `classes` is the
    size of the class that each ends in, `before` of the one it came from. A subject in `held` cannot be shown.
    """

    persons: pa.Table
    reached: dict[Lever, pa.Array]
    pulled: dict[Lever, pa.Array]
    before: Codes
    classes: Codes
    held: pa.Array


def with_age_band(subjects: pa.Table, policy: Disclosure) -> pa.Table:
    """Add the band of the age at the index event."""
    band = pa.nulls(subjects.num_rows, pa.string())
    for first, name in zip(policy.age_bands, policy.band_names, strict=True):
        band = pc.if_else(_true(pc.greater_equal(subjects["age_at_index"], first)), name, band)
    band = pc.if_else(_true(subjects["age_at_index_gt89"]), OVER_89, band)
    return subjects.append_column("age_band", band)


def with_study_age(subjects: pa.Table, studies: pa.Table) -> pa.Table:
    """Add the least age at a study of subjects whose age at the index event is not known: it is what they show."""
    ages = studies.group_by("subject_id").aggregate([(STUDY_AGE, "min")])
    found = ages[f"{STUDY_AGE}_min"].take(pc.index_in(subjects["subject_id"], value_set=_ids(ages)))
    shown = pc.or_(pc.is_valid(subjects["age_at_index"]), _true(subjects["age_at_index_gt89"]))
    return subjects.append_column(STUDY_AGE, pc.if_else(shown, pa.scalar(None, pa.int16()), found.cast(pa.int16())))


def with_headers(subjects: pa.Table, headers: pa.Table) -> pa.Table:
    """Add whose age and sex the headers of objects show, which cannot be coarsened in tables.

    Parameters
    ----------
    headers
        subject_id, has_age and has_sex.
    """
    for name in (HAS_AGE, HAS_SEX):
        shown = headers.filter(headers[name])["subject_id"].combine_chunks()
        subjects = subjects.append_column(name, pc.is_in(subjects["subject_id"], value_set=shown))
    return subjects


def _ids(rows: pa.Table) -> pa.Array:
    return rows["subject_id"].combine_chunks()


def _true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, fill_value=False)


def quasi_identifiers(persons: pa.Table) -> list[str]:
    """Give the columns that make the classes of a table."""
    return [name for name in QUASI if name in persons.schema.names]


def coarsened(persons: pa.Table, policy: Disclosure) -> Coarsened:
    """Pull levers, the cheapest first, until every subject that is left is one of k.

    Parameters
    ----------
    persons
        Subjects as from `with_age_band`, `with_study_age` and `with_headers`, in any order; `partition` counts if it is
        a column.
    """
    levers = [lever for lever in policy.levers if lever in _PULLS]
    steps = [persons]
    for lever in levers:
        steps.append(_PULLS[lever](steps[-1], pa.array(np.ones(persons.num_rows, np.bool_))))
    columns = quasi_identifiers(persons)
    codes = coded(steps, columns)
    levels = chosen_levels(codes, policy.k)
    last = np.where(levels == OPEN, len(levers) if Lever.HOLD not in policy.levers else OPEN, levels)
    made = persons
    reached: dict[Lever, pa.Array] = {}
    pulled: dict[Lever, pa.Array] = {}
    for place, lever in enumerate(levers, start=1):
        reached[lever] = pa.array(last >= place)
        made = _PULLS[lever](made, reached[lever])
        pulled[lever] = pc.and_(reached[lever], pa.array(codes[place] != codes[place - 1]))
    held = pa.array(last == OPEN)
    return Coarsened(made, reached, pulled, sizes(codes[0]), _class_sizes(made, columns, held), held)


def _class_sizes(persons: pa.Table, columns: Sequence[str], held: pa.Array) -> Codes:
    """Give the size of each subject's class among those that are shown; nothing for who is held."""
    shown = pc.invert(held)
    found = np.zeros(persons.num_rows, np.int64)
    found[shown.to_numpy(zero_copy_only=False)] = sizes(coded([persons.filter(shown)], columns)[0])
    return found


def _with(rows: pa.Table, where: pa.ChunkedArray, values: Mapping[str, str | None]) -> pa.Table:
    """Give the rows with other values in some columns where a mask says so."""
    for name, value in values.items():
        field = rows.schema.field(name)
        rows = _set(rows, name, pc.if_else(where, pa.scalar(value, field.type), rows[name]))
    return rows


def _set(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(name), column.cast(rows.schema.field(name).type))


def _with_broad_race(rows: pa.Table, where: pa.Array) -> pa.Table:
    """Keep the three largest categories; the other US ones become Other, those of other schemes Not Reported."""
    is_us = pc.starts_with(rows["race_scheme"], US_SCHEME)
    kept = pc.is_in(rows["race"], value_set=pa.array(KEPT_RACES))
    broad = pc.if_else(is_us, pc.if_else(kept, rows["race"], "Other"), NOT_REPORTED)
    rows = _set(rows, "race", pc.if_else(where, broad, rows["race"]))
    return _with_list(rows, where)


def _without_ethnicity(rows: pa.Table, where: pa.Array) -> pa.Table:
    """Leave ethnicity out; what the list says beside it stays as it is."""
    lists = rows["race_ethnicity"].combine_chunks()
    owners, items = pc.list_parent_indices(lists), pc.list_flatten(lists)
    kept = pc.or_(pc.not_equal(items, HISPANIC), pc.invert(where.take(owners)))
    left = _lists(owners.filter(kept), items.filter(kept), len(lists))
    return _set(_with(rows, where, {"ethnicity": NOT_REPORTED}), "race_ethnicity", left)


def _with_list(rows: pa.Table, where: pa.Array) -> pa.Table:
    """Give the list anew from race and ethnicity, which say less than it did."""
    lists = rows["race_ethnicity"].combine_chunks()
    owners, items = pc.list_parent_indices(lists), pc.list_flatten(lists)
    races = pc.if_else(where, rows["race"].combine_chunks(), pa.scalar(NOT_REPORTED))
    hispanic = pc.and_(where, pc.equal(rows["ethnicity"].combine_chunks(), HISPANIC))
    is_told = pc.and_(where, pc.not_equal(races, NOT_REPORTED))
    places = pa.array(np.arange(len(lists), dtype=np.int64))
    kept = pc.invert(where.take(owners))
    owner = pa.concat_arrays([owners.filter(kept).cast(pa.int64()), places.filter(is_told), places.filter(hispanic)])
    item = pa.concat_arrays(
        [items.filter(kept), races.filter(is_told), pa.repeat(HISPANIC, int(pc.sum(hispanic, min_count=0).as_py()))]
    )
    return _set(rows, "race_ethnicity", _lists(owner, item, len(lists)))


def _lists(owners: pa.Array, items: pa.Array, length: int) -> pa.Array:
    """Give lists from items and the rows that own them, sorted; a row without any has Not Reported alone."""
    lonely = np.setdiff1d(np.arange(length), owners.to_numpy())
    owner = np.concatenate([owners.to_numpy(), lonely])
    item = pa.concat_arrays([items.cast(pa.string()), pa.repeat(NOT_REPORTED, len(lonely))])
    order = pc.sort_indices(
        pa.table({"owner": owner, "item": item}), sort_keys=[("owner", "ascending"), ("item", "ascending")]
    )
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner.astype(np.int64), minlength=length))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), item.take(order), type=LIST_OF_STRINGS)


def _without_age(rows: pa.Table, where: pa.Array) -> pa.Table:
    return _with(rows, pc.and_not(where, rows[HAS_AGE]), {"age_at_index": None, STUDY_AGE: None})


def _with_zip_elsewhere(rows: pa.Table, where: pa.Array) -> pa.Table:
    return _with(rows, pc.and_(where, pc.is_valid(rows["zip3"])), {"zip3": ELSEWHERE})


def _without_demographics(rows: pa.Table, where: pa.Array) -> pa.Table:
    ages = dict.fromkeys(("age_at_index", "age_at_index_gt89", "age_band", STUDY_AGE))
    rows = _with(rows, pc.and_not(where, rows[HAS_AGE]), ages)
    rows = _with(rows, pc.and_not(where, rows[HAS_SEX]), {"sex": NOT_REPORTED})
    rows = _with(rows, where, {"race": NOT_REPORTED, "ethnicity": NOT_REPORTED, "country": None, "zip3": None})
    return _with_list(rows, where)


# What each lever changes of the subjects that it reaches, as far as headers leave it to us; to hold changes nothing.
_PULLS: Final[Mapping[Lever, Callable[[pa.Table, pa.Array], pa.Table]]] = {
    Lever.AGE_BAND: _without_age,
    Lever.ZIP3: _with_zip_elsewhere,
    Lever.RACE: _with_broad_race,
    Lever.ETHNICITY: _without_ethnicity,
    Lever.DEMOGRAPHICS: _without_demographics,
}
