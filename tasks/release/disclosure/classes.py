"""Classes of subjects who look the same, and how far each subject must be coarsened to be one of k.

A class is what a release really shows: subjects are of one class if every quasi-identifier has the same value in it.
(L. Sweeney, k-anonymity: a model for protecting privacy, 2002; coarsening is local, so each subject has its own level.)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]
OPEN = -1
_MOST = 1 << 62  # numbers that a class may have before they are counted anew


def coded(steps: Sequence[pa.Table], columns: Sequence[str]) -> Codes:
    """Give the class of each row in several tables of the same rows, as numbers of shape (tables, rows).

    Two rows of any of the tables have the same number if and only if they hold the same values in all columns; a null
    is a value of its own. The numbers do not depend on the order of the rows.
    """
    made, size = np.zeros(sum(step.num_rows for step in steps), np.int64), 1
    for column in columns:
        codes, values = _values(_stacked([step[column] for step in steps]))
        if size * values > _MOST:
            made, size = _counted(made)
        made, size = made * values + codes, size * values
    return _counted(made)[0].reshape(len(steps), -1)


def _stacked(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)


def _values(column: pa.ChunkedArray) -> tuple[Codes, int]:
    """Give the values of a column as numbers in their order, the null last, and how many there can be."""
    is_list = pa.types.is_list(column.type)
    flat = pc.binary_join(column.cast(pa.list_(pa.string())), "|") if is_list else column
    encoded = flat.combine_chunks().dictionary_encode()
    values = len(encoded.dictionary)
    ranks = np.empty(values + 1, np.int64)
    ranks[pc.sort_indices(encoded.dictionary.cast(pa.string())).to_numpy()] = np.arange(values)
    ranks[values] = values
    return ranks[pc.fill_null(encoded.indices, values).to_numpy()], values + 1


def _counted(numbers: Codes) -> tuple[Codes, int]:
    known, codes = np.unique(numbers, return_inverse=True)
    return codes.astype(np.int64), len(known)


def sizes(codes: Codes) -> Codes:
    """Give the size of the class of each row."""
    counts: Codes = np.bincount(codes)[codes] if len(codes) else codes
    return counts


def chosen_levels(codes: Codes, k: int) -> Codes:
    """Give the level to which each subject is coarsened; `OPEN` if even the last one leaves it in a small class.

    At each level those who are left and now share a class with k - 1 others stop there. A rest that is too few takes
    the smallest finer class of its own class along, so that nobody is held where others can be coarsened instead.

    Parameters
    ----------
    codes
        Classes by level and subject, as from `coded`; each level parts subjects no finer than the one before.
    """
    levels = np.full(codes.shape[1], OPEN, np.int64)
    total = int(codes.max(initial=OPEN)) + 1
    for level, classes in enumerate(codes):
        rest = levels == OPEN
        if not rest.any():
            break
        shown = np.where(rest, OPEN, np.take_along_axis(codes, np.maximum(levels, 0)[None], 0)[0])
        standing = np.bincount(shown[~rest], minlength=total)
        waiting = np.bincount(classes[rest], minlength=total)
        enough = (waiting > 0) & (waiting + standing >= k)
        taken = _taken_along(classes, shown, standing, (waiting > 0) & ~enough)
        enough[classes[taken]] = True
        levels[taken | (rest & enough[classes])] = level
    return levels


def _taken_along(classes: Codes, shown: Codes, standing: Codes, short: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Give the subjects of the smallest finer class within each class that is short of some."""
    within = np.flatnonzero((shown != OPEN) & short[classes])
    order = np.lexsort((shown[within], standing[shown[within]], classes[within]))
    _, first = np.unique(classes[within][order], return_index=True)
    finer = np.unique(shown[within][order][first])
    taken = np.zeros(len(classes), np.bool_)
    taken[within] = np.isin(shown[within], finer)
    return taken
