"""One row per person out of all rows that tell of them; where they contradict each other the person is held."""

import pyarrow as pa
import pyarrow.compute as pc

from config.fields import KINDS
from config.site import Site
from config.vocab.terms import NOT_REPORTED
from tasks.harmonize.ages import OVER_89
from tasks.harmonize.consensus import agreed
from tasks.harmonize.flags import DERIVED_FLAGS
from tasks.harmonize.query import query
from tasks.harmonize.race_ethnicity import RaceEthnicity, combined, elsewhere

CONTRADICTED = "D-SEX-STABLE"
_PEOPLE = """
SELECT * FROM (
    SELECT subject_id, is_imaged.subject_id IS NOT NULL AS has_images, told.subject_id IS NOT NULL AS has_table,
           told.* EXCLUDE (subject_id)
    FROM told FULL JOIN (SELECT DISTINCT subject_id FROM studies) AS is_imaged USING (subject_id))
ORDER BY subject_id
"""
_HELD = """
SELECT subject_id, rule FROM records WHERE rule IS NOT NULL GROUP BY ALL ORDER BY ALL
"""


def people_of(records: pa.Table, studies: pa.Table) -> tuple[pa.Table, list[tuple[str, str]], dict[str, pa.Array]]:
    """Give everyone with images or a row in a table, with what their rows agree on.

    Returns
    -------
    tuple[pa.Table, list[tuple[str, str]], dict[str, pa.Array]]
        subject_id, has_images, has_table and the attributes as declared in `config.fields`; the subjects to hold, each
        with its rule; and those whose rows contradict each other, by attribute.
    """
    told, conflicts = agreed(_without_silence(records), "subject_id", list(KINDS["subject"]))
    held = [(row["subject_id"], row["rule"]) for row in query(_HELD, records=records).to_pylist()]
    held += [(subject, CONTRADICTED) for subjects in conflicts.values() for subject in subjects.to_pylist()]
    return query(_PEOPLE, told=told, studies=studies), sorted(set(held)), conflicts


def _without_silence(records: pa.Table) -> pa.Table:
    """Give the records with null for Not Reported: a row that does not know contradicts no row that does."""
    for at, field in enumerate(records.schema):
        if field.name in KINDS["subject"] and pa.types.is_string(field.type):
            is_silent = pc.fill_null(pc.equal(records[field.name], NOT_REPORTED), pa.scalar(value=False))
            records = records.set_column(at, field, pc.if_else(is_silent, None, records[field.name]))
    return records


def subject_rows(people: pa.Table, anchors: pa.Table, flags: pa.Table, site: Site) -> pa.Table:
    """Give the canonical subject columns; what nobody said is Not Reported.

    Parameters
    ----------
    people, anchors, flags
        One row per subject each, in the same order.
    """
    length = len(people)
    is_over = pc.fill_null(pc.equal(people["is_over_89"], "Yes"), pa.scalar(value=False))
    ages = pc.if_else(is_over, pa.scalar(OVER_89, pa.int16()), people["age_at_index"])
    american = site.country == "US"
    races = _races(people, site)
    return pa.table(
        {
            "subject_id": people["subject_id"],
            "site_id": pa.repeat(pa.scalar(site.code), length),
            "index_event": anchors["index_event"],
            "age_at_index": pc.if_else(pc.less(ages, OVER_89), ages, None),
            "age_at_index_gt89": pc.greater_equal(ages, OVER_89),
            "sex": pc.fill_null(people["sex"], NOT_REPORTED),
            **races,
            "country": pc.fill_null(people["country"], site.country),
            "zip3": people["zip"] if american else pa.nulls(length, pa.string()),
            **{name: flags[name] for flag in DERIVED_FLAGS for name in (flag, f"{flag}_basis")},
        }
    )


def _races(people: pa.Table, site: Site) -> dict[str, list[object]]:
    cells = zip(*(people[name].to_pylist() for name in ("race_ethnicity", "race", "ethnicity")), strict=True)
    if site.country == "US":
        made: list[RaceEthnicity] = [combined(*told) for told in cells]
    else:
        made = [elsewhere(race, site.facts.race_scheme) for _, race, _ in cells]
    return {name: [getattr(one, name) for one in made] for name in RaceEthnicity.__dataclass_fields__}
