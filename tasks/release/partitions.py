"""Which subject is in which part of a release: stratified, by keyed rank, and for good.

Subjects with equal attributes are a stratum. Strata stand in a line in which those that share the most important
attributes are neighbours; each gives up its share, and what cannot be divided is owed by the next. So shares hold in
every stretch of the line, also where strata are of one subject, and subjects that come later fill towards the share
without anyone being moved. Who of a stratum is taken, and how the line stands, is decided under the key ring.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.keys import KeyRing
from config.release import PartitionPolicy
from tasks.identity import partition_rank
from tasks.release.model import OPEN, SEQUESTERED, Tables
from tasks.release.query import query

UNKNOWN: Final = "Not Reported"
Partitions = Mapping[str, str]
_WHOLE = 100
_NEAREST = _WHOLE // 2
_FACTS = """
WITH kinds AS (
    SELECT subject_id, string_agg(DISTINCT kind, '+' ORDER BY kind) AS modality
    FROM (SELECT subject_id, unnest(modalities) AS kind FROM studies) GROUP BY subject_id)
SELECT subject_id, coalesce(modality, 'Not Reported') AS modality, covid19_status, band AS age_band, race, sex,
       ethnicity, site_id AS site
FROM subjects LEFT JOIN kinds USING (subject_id) ORDER BY subject_id
"""


def attributes(tables: Tables, policy: PartitionPolicy) -> pa.Table:
    """Give the subjects of a collection, sorted, and a text column for each attribute of the policy, in its order."""
    subjects = tables["subject"]
    bands = pa.array(_age_bands(subjects, policy.age_bands), pa.string())
    facts = query(_FACTS, subjects=subjects.append_column("band", bands), studies=tables["imaging_study"])
    return facts.select(["subject_id", *policy.attributes])


def _age_bands(subjects: pa.Table, bounds: Sequence[int]) -> list[str]:
    """Name the age band of every subject: ``18-29``, ``80+``."""
    starts = (0, *bounds)
    names = [f"{start}-{end - 1}" for start, end in zip(starts, bounds, strict=False)] + [f"{starts[-1]}+"]
    ages = pc.fill_null(subjects["age_at_index"], 0).to_numpy()
    places = np.searchsorted(np.array(bounds, np.int64), ages, side="right")
    is_old = pc.fill_null(subjects["age_at_index_gt89"], fill_value=False).to_pylist()
    is_known = pc.is_valid(subjects["age_at_index"]).to_pylist()
    return [
        names[-1] if old else names[place] if known else UNKNOWN
        for place, old, known in zip(places, is_old, is_known, strict=True)
    ]


def assigned(facts: pa.Table, earlier: Partitions, *, percent: int, ring: KeyRing) -> dict[str, str]:
    """Give the part of every subject of a collection: the earlier one if there is one.

    Parameters
    ----------
    facts
        As from `attributes`.
    earlier
        The parts of subjects that were assigned before; those who are not in the collection do not count.
    percent
        Share of subjects that is sequestered; the nearest whole number of subjects is, as far as earlier
        assignments allow.
    """
    strata = _strata(facts)
    line = sorted(strata, key=lambda stratum: _place(ring, facts.schema.names[1:], stratum))
    waiting = [[subject for subject in strata[stratum] if subject not in earlier] for stratum in line]
    sizes = [
        (len(strata[stratum]), sum(earlier.get(subject) == SEQUESTERED for subject in strata[stratum]), len(new))
        for stratum, new in zip(line, waiting, strict=True)
    ]
    taken = {
        subject
        for subjects, quota in zip(waiting, quotas(sizes, percent), strict=True)
        for subject in sorted(subjects, key=lambda one: partition_rank(ring, "subject", one))[:quota]
    }
    return {
        subject: earlier.get(subject, SEQUESTERED if subject in taken else OPEN)
        for subject in facts["subject_id"].to_pylist()
    }


def _strata(facts: pa.Table) -> dict[tuple[str, ...], list[str]]:
    strata: dict[tuple[str, ...], list[str]] = {}
    for subject, *values in zip(*(column.to_pylist() for column in facts.columns), strict=True):
        strata.setdefault(tuple(values), []).append(subject)
    return strata


def _place(ring: KeyRing, names: Sequence[str], stratum: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(partition_rank(ring, name, value) for name, value in zip(names, stratum, strict=True))


def quotas(strata: Sequence[tuple[int, int, int]], percent: int) -> list[int]:
    """Give how many new subjects of each stratum are sequestered.

    Parameters
    ----------
    strata
        All subjects of the stratum, the sequestered among them, and the new ones, whose part is not decided.
    percent
        Share of all subjects that is to be sequestered.

    Returns
    -------
    list of int
        With these the sequestered are the nearest whole number to their share, in all strata together, unless there
        are too few new subjects for that.
    """
    given, owed = [], 0  # in hundredths of a subject
    for size, sequestered, new in strata:
        owed += percent * size - _WHOLE * sequestered
        given.append(min(max(_nearest(owed), 0), new))
        owed -= _WHOLE * given[-1]
    for place in reversed(range(len(strata))):  # what the last ones could not take or give back, the others do
        more = min(max(given[place] + _nearest(owed), 0), strata[place][2]) - given[place]
        given[place] += more
        owed -= _WHOLE * more
    return given


def _nearest(hundredths: int) -> int:
    return (hundredths + _NEAREST) // _WHOLE
