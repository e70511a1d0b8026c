"""Where the UIDs inside released objects lead: into the release, out of it, or back to where they came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from tasks.dicom.references import (
    FRAME,
    INSTANCE,
    SERIES,
    STUDY,
    Reference,
    is_new_or_registered,
    references_in,
)
from tasks.release.model import Problem
from tasks.release.query import query
from tasks.release.rows import Rows, without

RULE = "I-UID-REFS"
AT_ONCE = 1 << 16  # references that are looked up together, since each look-up reads all UIDs of the release once
_COLUMNS: Mapping[str, str] = {INSTANCE: "sop_uid", SERIES: "series_uid", STUDY: "study_uid"}
_PLACES = """
SELECT uid, min(series_uid) AS series_uid, min(study_uid) AS study_uid FROM rows JOIN wanted ON rows.{uid} = uid
GROUP BY uid ORDER BY uid
"""
Places = Mapping[str, tuple[str, str]]


@dataclass(slots=True)
class ReferenceCheck:
    """Holds references of many objects against the tables of their release.

    Parameters
    ----------
    standing
        The columns sop_uid, series_uid and study_uid of `imaging_instance`, without what was withdrawn since.
    withdrawn
        The same of all that the current release lists as withdrawn.
    place
        What notes are about: the key of the table.
    outside
        How many references are to what is not in the release: it was never sent, or is held.
    gone
        How many are to what was withdrawn.
    """

    standing: Rows
    withdrawn: pa.Table
    place: str
    outside: int = 0
    gone: int = 0
    _waiting: dict[str, frozenset[Reference]] = field(default_factory=dict)

    def of(self, key: str, content: bytes) -> Iterator[Problem]:
        """Take in an object; what is wrong with its references is told now or by `rest`."""
        found = references_in(content)
        if found is None:
            yield Problem(RULE, key, "the references of the object cannot be followed")
            return
        frames = {one for one in found if one.kind == FRAME}
        yield from _foreign(key, [one.uid for one in frames])
        if found - frames:
            self._waiting[key] = found - frames
        if sum(map(len, self._waiting.values())) >= AT_ONCE:
            yield from self.rest()

    def rest(self) -> Iterator[Problem]:
        """Look up what was taken in."""
        waiting, self._waiting = self._waiting, {}
        wanted = [one for found in waiting.values() for one in found]
        known = {kind: _places(self.standing, kind, wanted) for kind in _COLUMNS}
        gone = {kind: _places(self.withdrawn, kind, wanted) for kind in _COLUMNS}
        for key, found in waiting.items():
            lost = {one for one in found if one.uid not in known[one.kind]}
            left = {one for one in lost if one.uid in gone[one.kind]}
            foreign = [one.uid for one in lost - left if not is_new_or_registered(one.uid)]
            self.gone += len(left)
            self.outside += len(lost) - len(left) - len(foreign)
            yield from _foreign(key, foreign)
            unlike = sum(not _fits(one, known[one.kind][one.uid]) for one in found - lost)
            if unlike:
                yield Problem(RULE, key, f"{unlike} references name another series or study than the tables do")

    def notes(self) -> Iterator[Problem]:
        """Tell how many references lead nowhere, which is no fault of the object."""
        if self.outside:
            detail = f"{self.outside} references are to what the collection does not hold"
            yield Problem(RULE, self.place, detail, is_note=True)
        if self.gone:
            yield Problem(RULE, self.place, f"{self.gone} references are to what was withdrawn", is_note=True)


def reference_check(instances: Rows, withdrawn: pa.Table, place: str) -> ReferenceCheck:
    """Begin a check against the tables of a release, and what was withdrawn up to the current one."""
    standing = without(instances, "sop_uid", withdrawn["sop_uid"].combine_chunks())
    return ReferenceCheck(standing, withdrawn, place)


def _foreign(key: str, uids: list[str]) -> Iterator[Problem]:
    count = sum(not is_new_or_registered(uid) for uid in uids)
    if count:
        yield Problem(RULE, key, f"{count} references are to UIDs that de-identification did not make")


def _places(rows: Rows, kind: str, wanted: list[Reference]) -> Places:
    """Give series and study of the wanted UIDs of one kind that are in some rows."""
    uids = sorted({one.uid for one in wanted if one.kind == kind})
    if not uids:
        return {}
    found = query(_PLACES.format(uid=_COLUMNS[kind]), rows=rows, wanted=pa.table({"uid": pa.array(uids, pa.string())}))
    return {row["uid"]: (row["series_uid"], row["study_uid"]) for row in found.to_pylist()}


def _fits(one: Reference, at: tuple[str, str]) -> bool:
    """Tell whether what stands around a reference is where the tables have it; a study is nowhere else than it is."""
    return one.series_uid in {"", at[0]} and one.study_uid in {"", at[1]}
