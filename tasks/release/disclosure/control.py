"""Disclosure control of a collection: leaks are closed, subjects are coarsened or held, and all of it is recorded.

It runs before guids and history are made, so that what a release says of changes is what it shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.release import Disclosure, Lever
from expectations.schemas.pipeline import DISCLOSURE
from expectations.schemas.table import LIST_OF_STRINGS
from tasks.model import Finding
from tasks.release.disclosure.leaks import (
    AGE89_LEAK,
    BIRTHDAY_LEAK,
    YEAR_LEAK,
    ages_over_89,
    narrowed_birth_dates,
    narrowed_index_dates,
    without_ages,
    without_flags,
    without_study_ages,
    without_years,
)
from tasks.release.disclosure.levers import (
    HAS_AGE,
    HAS_SEX,
    STUDY_AGE,
    Coarsened,
    coarsened,
    with_age_band,
    with_headers,
    with_study_age,
)
from tasks.release.merging import STAGE, without_subjects
from tasks.release.model import HEADERS, AcceptedBatch, Collection, Held, Tables

K_ANONYMITY: Final = "P-KANON"


@dataclass(frozen=True, slots=True)
class Controlled:
    """A collection as it may be shown, and the private record of what was done to whom (`DISCLOSURE`)."""

    collection: Collection
    record: pa.Table


def controlled(collection: Collection, batches: Sequence[AcceptedBatch], policy: Disclosure) -> Controlled:
    """Close the leaks of a collection and coarsen its subjects until each shares a class with k - 1 others.

    A subject of whom that cannot be done is held with all that is its own. What the headers of objects show cannot be
    withheld in tables: there a leak of an age over 89 holds the subject.
    """
    headers = _headers(batches, policy)
    tables, told, held = _without_leaks(collection.tables, headers, policy)
    tables, over = _out(tables, held, AGE89_LEAK)
    persons = with_headers(with_study_age(with_age_band(tables["subject"], policy), tables["imaging_study"]), headers)
    made = coarsened(persons, policy)
    tables = _shown(tables, made)
    record = _record(made, told, held)
    tables, small = _out(tables, made.persons["subject_id"].filter(made.held).combine_chunks(), K_ANONYMITY)
    found = [Finding(rule, STAGE, place, len(subjects)) for (rule, place), subjects in told.items() if len(subjects)]
    found += [
        Finding(K_ANONYMITY, STAGE, f"subject {lever.value}", mask.true_count)
        for lever, mask in made.pulled.items()
        if mask.true_count
    ]
    return Controlled(
        replace(
            collection,
            tables=tables,
            held=(*collection.held, *(one for one in (over, small) if len(one.subject_ids))),
            found=(*collection.found, *found),
            figures={"disclosure": _figures(made, policy)},
        ),
        record,
    )


def _headers(batches: Sequence[AcceptedBatch], policy: Disclosure) -> pa.Table:
    """Give whose age and sex some batch's headers show; nobody's if the policy lets them be."""
    if not policy.headers:
        return HEADERS.empty_table()
    return pa.concat_tables([HEADERS.empty_table(), *(batch.headers for batch in batches)])


Told = dict[tuple[str, str], pa.Array]


def _without_leaks(tables: Tables, headers: pa.Table, policy: Disclosure) -> tuple[Tables, Told, pa.Array]:
    """Withhold years and ages that tell too much; give of whom, by rule and place, and who must be held instead."""
    years = narrowed_index_dates(tables, policy.window_days)
    tables = without_years(tables, years)
    over = ages_over_89(tables)
    aged = headers.filter(headers["has_age"])["subject_id"].combine_chunks()
    in_headers = pc.is_in(over, value_set=aged)
    held = over.filter(in_headers)
    over = over.filter(pc.invert(in_headers))
    tables = without_ages(tables, over)
    birthdays = narrowed_birth_dates(tables, policy.window_days)
    tables = without_study_ages(tables, birthdays)
    told = {
        (YEAR_LEAK, "imaging_study.study_year"): years,
        (AGE89_LEAK, "subject.age_at_index"): over,
        (BIRTHDAY_LEAK, "imaging_study.age_at_study"): birthdays,
        (BIRTHDAY_LEAK, "headers"): birthdays.filter(pc.is_in(birthdays, value_set=aged)),  # still told there
    }
    return tables, told, held


def _out(tables: Tables, subjects: pa.Array, rule_id: str) -> tuple[Tables, Held]:
    kept, held = without_subjects(tables, subjects)
    return kept, replace(held, rule_id=rule_id)


def _shown(tables: Tables, made: Coarsened) -> Tables:
    """Give the tables with the coarsened subjects; ages at studies go with the ages that were coarsened."""
    ids = made.persons["subject_id"]
    tables = tables | {"subject": made.persons.drop_columns([STUDY_AGE, HAS_AGE, HAS_SEX])}
    by_us = pc.invert(made.persons[HAS_AGE])
    for lever, close in ((Lever.AGE_BAND, without_study_ages), (Lever.DEMOGRAPHICS, without_flags)):
        if lever in made.reached:
            subjects = ids.filter(pc.and_(made.reached[lever], by_us)).combine_chunks()
            tables = close(tables, subjects)
    return tables


def _record(made: Coarsened, told: Told, held: pa.Array) -> pa.Table:
    """Give one row per subject: what was done, by which rules, and the sizes of its class."""
    ids = made.persons["subject_id"].combine_chunks()
    levers = _names({lever.value: mask for lever, mask in made.pulled.items()}, len(ids))
    rules: dict[str, pa.Array] = {}
    for (rule, _), who in told.items():
        rules.setdefault(rule, pc.is_in(ids, value_set=who))
    coarse = [mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask for mask in made.pulled.values()]
    any_lever = np.zeros(len(ids), np.bool_)
    for mask in (*coarse, made.held):
        any_lever |= mask.to_numpy(zero_copy_only=False)
    rules[K_ANONYMITY] = pa.array(any_lever)
    shown = pa.table(
        [ids, levers, _names(rules, len(ids)), pa.array(made.before), pa.array(made.classes), made.held],
        schema=DISCLOSURE.schema,
    )
    n = len(held)
    lost = pa.table(
        [
            held,
            pa.array([[]] * n, LIST_OF_STRINGS),
            pa.array([[AGE89_LEAK]] * n, LIST_OF_STRINGS),
            pa.array([0] * n, pa.int64()),
            pa.array([0] * n, pa.int64()),
            pa.array([True] * n, pa.bool_()),
        ],
        schema=DISCLOSURE.schema,
    )
    return pa.concat_tables([shown, lost]).sort_by("subject_id")


def _names(masks: Mapping[str, pa.Array], length: int) -> pa.Array:
    """Give, for each row, the names of the masks that hold for it."""
    if not masks:
        return pa.array([[]] * length, LIST_OF_STRINGS)
    held = np.stack([np.asarray(mask.to_numpy(zero_copy_only=False)) for mask in masks.values()], axis=1)
    _, places = np.nonzero(held)
    offsets = np.concatenate([[0], np.cumsum(held.sum(axis=1))])
    names = pa.array(list(masks), pa.string()).take(pa.array(places))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names, type=LIST_OF_STRINGS)


def _figures(made: Coarsened, policy: Disclosure) -> dict[str, Any]:
    """Count subjects before and after, by lever and by k."""
    shown = made.classes[made.classes > 0]
    return {
        "k": policy.k,
        "subjects": len(made.classes),
        "held": int(made.held.true_count),
        "smallest_class": int(shown.min(initial=len(shown))),
        "coarsened": {lever.value: mask.true_count for lever, mask in made.pulled.items()},
        "in_classes_below": {
            str(k): {"before": int((made.before < k).sum()), "after": int((shown < k).sum())}
            for k in sorted({policy.k, *policy.report_k})
        },
    }
