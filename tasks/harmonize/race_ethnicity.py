"""Race and ethnicity as a list of categories (OMB SPD-15, 2024), and the single values that older exports ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from config.vocab.terms import NOT_REPORTED
from tasks.harmonize.codes import LIST_MARK

HISPANIC = "Hispanic or Latino"
NOT_HISPANIC = "Not Hispanic or Latino"
OTHER = "Other"
ANSWERS = 1 << 12  # distinct answers that are kept: people are many, what they answer is not
_SINGLE = {  # MIDRC's spelling, and the OMB-1997 race that an SPD-15 category was part of
    "Native Hawaiian or Pacific Islander": "Native Hawaiian or other Pacific Islander",
    "Middle Eastern or North African": "White",
}


@dataclass(frozen=True, slots=True)
class RaceEthnicity:
    """The list, its two single values and its scheme."""

    race_ethnicity: tuple[str, ...]
    race: str
    ethnicity: str
    race_scheme: str


@lru_cache(maxsize=ANSWERS)
def combined(both: str | None, race: str | None, ethnicity: str | None) -> RaceEthnicity:
    """Put the cells of a US site together.

    Parameters
    ----------
    both
        Categories of the combined question, joined by `LIST_MARK`; null if it was not asked.
    race, ethnicity
        Categories of the two separate questions of OMB-1997.
    """
    told = {*_values(both), *_values(race)} | ({HISPANIC} if ethnicity == HISPANIC else set())
    known = tuple(sorted(told - {NOT_REPORTED})) or (NOT_REPORTED,)
    asked_apart = both is None and (race is not None or ethnicity is not None)
    return RaceEthnicity(
        known,
        _single_race(known),
        _single_ethnicity(known, both, ethnicity),
        "OMB-1997" if asked_apart else "OMB-SPD15",
    )


@lru_cache(maxsize=ANSWERS)
def elsewhere(race: str | None, scheme: str) -> RaceEthnicity:
    """Keep the category of a scheme other than the US one, which says nothing in US categories."""
    return RaceEthnicity((NOT_REPORTED,), race or NOT_REPORTED, NOT_REPORTED, scheme)


def _values(joined: str | None) -> list[str]:
    return joined.split(LIST_MARK) if joined else []


def _single_race(known: Sequence[str]) -> str:
    races = [one for one in known if one not in {HISPANIC, NOT_REPORTED}]
    if not races:
        return NOT_REPORTED
    return _SINGLE.get(races[0], races[0]) if len(races) == 1 else OTHER


def _single_ethnicity(known: Sequence[str], both: str | None, ethnicity: str | None) -> str:
    if HISPANIC in known:
        return HISPANIC
    answered = both is not None and known != (NOT_REPORTED,)
    return NOT_HISPANIC if answered or ethnicity == NOT_HISPANIC else NOT_REPORTED
