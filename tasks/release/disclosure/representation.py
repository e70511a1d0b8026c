"""How far a release is from a reference population, attribute by attribute.

The Jensen-Shannon distance is the square root of the divergence to base 2 (J. Lin, 1991; D. M. Endres and
J. E. Schindelin, 2003): 0 for equal shares, 1 for shares that have no value in common.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from config.release import Population
from tasks.distance import jensen_shannon

REPRESENT = "R-REPRESENT"
UNKNOWN = "Not Reported"
Shares = Mapping[str, int]


def distance(first: Shares, second: Shares) -> float:
    """Give the Jensen-Shannon distance of two sets of counts; 0 if either has none."""
    return jensen_shannon(first, second) or 0.0


def counts_of(subjects: pa.Table, attribute: str) -> dict[str, int]:
    """Count the values of an attribute; a null counts as not reported."""
    counted = pc.value_counts(pc.fill_null(subjects[attribute].combine_chunks(), UNKNOWN))
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return dict(sorted(pairs))


def to_population(subjects: pa.Table, population: Population) -> dict[str, float]:
    """Give the distance of each attribute of a population."""
    return {
        attribute: round(distance(counts_of(subjects, attribute), shares), 4)
        for attribute, shares in sorted(population.items())
    }
