"""What a release may not tell of a person: looked for in the finished tables, whatever was done before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.release import Population, ReleasePolicy
from config.rules import Severity, data_rules
from tasks.model import Finding
from tasks.release.disclosure.control import K_ANONYMITY
from tasks.release.disclosure.detail import alike_classes, small_classes, unique_courses
from tasks.release.disclosure.known import Known
from tasks.release.disclosure.leaks import (
    AGE89_LEAK,
    BIRTHDAY_LEAK,
    YEAR_LEAK,
    ages_over_89,
    narrowed_birth_dates,
    narrowed_index_dates,
)
from tasks.release.disclosure.linkage import LINKAGE, leaking_files
from tasks.release.disclosure.representation import REPRESENT, to_population
from tasks.release.disclosure.texts import FREE_TEXT, RARE_VALUE, named_by_form, rare_texts, telling_of_themselves
from tasks.release.merging import STAGE
from tasks.release.model import Tables

DIVERSITY: Final = "P-LDIV"
UNIQUE_DETAIL: Final = "P-UNIQUE-DETAIL"
GATES: Final = (K_ANONYMITY, YEAR_LEAK, AGE89_LEAK, FREE_TEXT, LINKAGE)
History = list[dict[str, Any]]
Balance = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What gates found, what is only told, and the figures of representation."""

    refused: list[Finding]
    told: list[Finding]
    representation: dict[str, Any]


def judged(tables: Tables, policy: ReleasePolicy, known: Known, against: tuple[Population, History, Balance]) -> Judged:
    """Look for all that a release may not tell, and for what is worth telling of it.

    Parameters
    ----------
    tables
        The tables of a release, in its form.
    against
        The reference population, the figures of the releases before, the first one first, and the distances between
        the parts of the release (`tasks.release.balance`), none if there is but one.
    """
    population, history, balance = against
    distances = to_population(tables["subject"], population)
    figures = {
        "reference": policy.representation.reference,
        "limit": policy.representation.limit,
        "distance": distances,
        "between_parts": dict(balance),
        "parts_limit": policy.partition.max_distance,
        "history": history,
    }
    far = [name for name, value in distances.items() if value > policy.representation.limit]
    found = [
        *_of_persons(tables, policy),
        *_each(FREE_TEXT, named_by_form(tables)),
        *_each(FREE_TEXT, telling_of_themselves(tables, known)),
        *_each(RARE_VALUE, rare_texts(tables, policy.disclosure)),
        *(Finding(REPRESENT, STAGE, f"subject.{name}", tables["subject"].num_rows) for name in far),
    ]
    stops = [finding for finding in found if data_rules()[finding.rule_id].severity is Severity.GATE]
    return Judged(stops, [finding for finding in found if finding not in stops], figures)


def _of_persons(tables: Tables, policy: ReleasePolicy) -> Iterable[Finding]:
    control, subjects = policy.disclosure, tables["subject"]
    window = control.window_days
    counts = (
        (K_ANONYMITY, "subject", small_classes(subjects, control.k)),
        (YEAR_LEAK, "imaging_study.study_year", len(narrowed_index_dates(tables, window))),
        (BIRTHDAY_LEAK, "imaging_study.age_at_study", len(narrowed_birth_dates(tables, window))),
        (AGE89_LEAK, "subject.age_at_index", len(ages_over_89(tables))),
        (UNIQUE_DETAIL, "subject", unique_courses(tables)),
    )
    yield from (Finding(rule, STAGE, place, count) for rule, place, count in counts if count)
    yield from _each(DIVERSITY, alike_classes(subjects, control), "subject.")


def file_findings(files: Mapping[str, Path], known: Known) -> list[Finding]:
    """Find the files of a release that hold an identifier of a source."""
    return list(_each(LINKAGE, leaking_files(files, known)))


def _each(rule_id: str, counts: Mapping[str, int], before: str = "") -> Iterable[Finding]:
    return (Finding(rule_id, STAGE, f"{before}{place}", count) for place, count in counts.items())
