"""A subject's needles from everywhere: what one object or table knows is searched for in all the others.

UIDs are not pooled: each instance has its own, and a UID is replaced or removed by its form, wherever it stands.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.deid import Profile
from config.keys import KeyRing
from tasks.deidentify.marks import own_words
from tasks.deidentify.needles import become
from tasks.deidentify.words import vocabulary
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.sealing import opened_needles, sealed_needles
from tasks.identifiers.search import found_in_text

Row = dict[str, Any]
Needles = frozenset[Needle]


@dataclass(slots=True)
class Pool:
    """The needle sets of one subject, each with the source ids of the objects that were searched for it.

    A set without objects is known from elsewhere, such as a clinical table.
    """

    sets: dict[Needles, list[str]] = field(default_factory=dict)

    @property
    def known(self) -> Needles:
        """All needles of the subject."""
        return frozenset().union(*self.sets)

    def add(self, needles: Needles, sources: Iterable[str]) -> None:
        """Add objects that were searched for these needles."""
        self.sets.setdefault(needles, []).extend(sources)

    def late(self) -> Iterator[tuple[Needles, list[str]]]:
        """Give, for objects that were not searched for all needles, those that were left out."""
        known = self.known
        for needles, sources in self.sets.items():
            if sources and known - needles:
                yield known - needles, sources


def pooled(needles: Iterable[Needle]) -> Needles:
    """Give those of an object's needles that are pooled."""
    return frozenset(needle for needle in needles if needle.kind is not Kind.UID)


def sealed_rows(by_set: Mapping[tuple[str, Needles], list[str]], ring: KeyRing) -> list[Row]:
    """Give the rows of a needle table from source ids by subject and needle set, sorted by subject and first source."""
    rows: list[Row] = [
        {"subject_id": subject, "sources": sorted(sources), "sealed": sealed_needles(ring, needles, about=subject)}
        for (subject, needles), sources in by_set.items()
    ]
    return sorted(rows, key=lambda row: (row["subject_id"], row["sources"]))


def read_pools(rows: Iterable[Row], ring: KeyRing) -> dict[str, Pool]:
    """Give the pool of every subject from the rows of needle tables.

    Raises
    ------
    VerificationError
        If the key ring does not open them.
    """
    pools: dict[str, Pool] = {}
    for row in rows:
        subject = str(row["subject_id"])
        needles = opened_needles(ring, row["sealed"], about=subject)
        pools.setdefault(subject, Pool()).add(needles, row["sources"])
    return pools


def searched_for(needles: Needles, known: Needles, profile: Profile, offset_days: int) -> Needles:
    """Give the late needles that mean the subject wherever they stand.

    Left out are words that we write ourselves, makers, words of DICOM's concepts, which are kept because they are
    words, and dates that a date of the subject became.

    Parameters
    ----------
    known
        All needles of the subject.
    """
    ours = set(found_in_text(own_words(profile), needles))
    words = {needle for needle in needles if needle.text in profile.makers or needle.text in vocabulary()}
    return needles - ours - words - become(known, offset_days)
