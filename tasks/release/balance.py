"""How alike the open and the sequestered part are, attribute by attribute."""

import json
from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tasks.distance import jensen_shannon
from tasks.model import Finding
from tasks.release.model import SEQUESTERED
from tasks.release.partitions import Partitions

BALANCE = "R-SPLIT-BALANCE"
REPORT = "report/partition.json"
Distances = Mapping[str, float | None]


def distances(facts: pa.Table, partitions: Partitions) -> dict[str, float | None]:
    """Give the Jensen-Shannon distance of every attribute between the parts; null if one of them has no subject.

    Parameters
    ----------
    facts
        As from `tasks.release.partitions.attributes`.
    """
    is_sequestered = pa.array([partitions[one] == SEQUESTERED for one in facts["subject_id"].to_pylist()], pa.bool_())
    parts = facts.filter(pc.invert(is_sequestered)), facts.filter(is_sequestered)
    return {
        name: jensen_shannon(*(Counter(part[name].to_pylist()) for part in parts)) for name in facts.schema.names[1:]
    }


def balance_findings(found: Distances, *, limit: float, stage: str) -> list[Finding]:
    """Tell of every attribute in which the parts differ by more than a limit."""
    return [
        Finding(BALANCE, stage, f"partition.{name}", 1)
        for name, distance in found.items()
        if distance is not None and distance > limit
    ]


def balance_report(found: Distances, partitions: Partitions, *, percent: int, limit: float) -> bytes:
    """Give the balance of the parts as JSON: subjects of each, and distances to six places; names nobody."""
    sequestered = sum(part == SEQUESTERED for part in partitions.values())
    report = {
        "subjects": {"open": len(partitions) - sequestered, "sequestered": sequestered},
        "sequestered_percent": percent,
        "measure": "Jensen-Shannon distance, base 2",
        "limit": limit,
        "distances": {name: None if distance is None else round(distance, 6) for name, distance in found.items()},
    }
    return (json.dumps(report, sort_keys=True, indent=1) + "\n").encode("ascii")
