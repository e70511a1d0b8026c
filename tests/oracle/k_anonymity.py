"""The slow and obvious way to coarsen subjects until each is one of k, with dictionaries of rows."""

from collections import Counter
from collections.abc import Sequence

Row = tuple[str, ...]


def chosen_levels(steps: Sequence[Sequence[Row]], k: int) -> list[int | None]:
    """Give the level of each subject, None if it stays in a small class.

    `steps` holds, for each level, what every subject looks like there.
    """
    levels: list[int | None] = [None] * len(steps[0])
    for level, looks in enumerate(steps):
        for group in sorted({look for look, mine in zip(looks, levels, strict=True) if mine is None}):
            waiting = [place for place, look in enumerate(looks) if levels[place] is None and look == group]
            standing = [place for place, mine in enumerate(levels) if mine is not None and steps[mine][place] == group]
            if len(waiting) + len(standing) < k:
                waiting += _smallest_finer_class(steps, levels, looks, group)
            if len(waiting) + len(standing) >= k:
                for place in waiting:
                    levels[place] = level
    return levels


def _smallest_finer_class(
    steps: Sequence[Sequence[Row]], levels: Sequence[int | None], looks: Sequence[Row], group: Row
) -> list[int]:
    shown = [None if mine is None else steps[mine][place] for place, mine in enumerate(levels)]
    sizes = Counter(shown)
    within = {shown[place] for place, look in enumerate(looks) if look == group} - {None}
    chosen = min(within, key=lambda look: (sizes[look], look), default=None)
    return [place for place, look in enumerate(shown) if chosen is not None and look == chosen]


def smallest_class(rows: Sequence[Row]) -> int:
    """Give the size of the smallest class of equal rows, 0 for no rows."""
    return min(Counter(rows).values(), default=0)
