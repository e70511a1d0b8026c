"""How far two distributions are apart: one measure, for parts, populations and earlier batches alike."""

import math
from collections.abc import Mapping


def jensen_shannon(one: Mapping[str, int], other: Mapping[str, int]) -> float | None:
    """Give the Jensen-Shannon distance of two distributions: 0 if they are equal, 1 if they share no value.

    It is the square root of the divergence with logarithms of base 2 (Endres and Schindelin, IEEE Trans. Inf. Theory
    49(7), 2003); null if one of them is empty.

    Parameters
    ----------
    one, other
        Counts by value.
    """
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return None
    divergence = 0.0
    for value in sorted({*one, *other}):
        p, q = one.get(value, 0) / totals[0], other.get(value, 0) / totals[1]
        divergence += sum(part * math.log2(2 * part / (p + q)) / 2 for part in (p, q) if part)
    return math.sqrt(min(max(divergence, 0.0), 1.0))
