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
SEPARATOR = "\x1f"
NOTHING = "\x00"
OPEN = -1


def class_names(rows: pa.Table, columns: Sequence[str]) -> pa.Array:
    """Give the class of each row as one text: its values in some columns; a null is a value of its own."""
    parts = [_text(rows[column]) for column in columns]
    names = pc.binary_join_element_wise(*parts, SEPARATOR)
    return pa.chunked_array(names.chunks, pa.string()).combine_chunks()


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    is_list = pa.types.is_list(column.type)
    text = pc.binary_join(column.cast(pa.list_(pa.string())), "|") if is_list else column.cast(pa.string())
    return pc.fill_null(text, NOTHING)


def coded(levels: Sequence[pa.Array]) -> Codes:
    """Give the classes of every level as numbers in the order of their names, of shape (levels, rows)."""
    names = pa.chunked_array(levels, pa.string())
    known = pc.unique(names)
    known = known.take(pc.sort_indices(known))
    places = pc.index_in(names, value_set=known).to_numpy()
    return places.astype(np.int64).reshape(len(levels), -1)


def sizes(names: pa.Array) -> Codes:
    """Give the size of the class of each row."""
    codes = coded([names])[0]
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
