"""Graphics: which overlay planes and drawn figures can be no writing, and so may stay (PS3.15 section E.3.3).

An overlay plane stays only as a region of interest whose area is solid: the strokes of letters and of handwriting are
thin, and nothing is left of them when the area is worn away at its edges. Of the figures of a graphic annotation,
points, circles, ellipses, straight lines and closed outlines stay; an open line of many points is how one writes.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, Sequence
from pydicom.multival import MultiValue

from tasks.deidentify.charsets import ASCII
from tasks.deidentify.values import is_number, text_of

CLEAN_GRAPHICS: Final = "clean_graph"
_OVERLAYS: Final = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _TYPE, _ORIGIN, _BITS, _BIT, _DATA = 0x10, 0x11, 0x40, 0x50, 0x100, 0x102, 0x3000
_STATISTICS: Final = {0x1301: "IS", 0x1302: "DS", 0x1303: "DS"}  # area, mean and deviation of the region
_KEPT: Final = (_ROWS, _COLUMNS, _TYPE, _ORIGIN, _BITS, _BIT, _DATA)
_STROKE: Final = 6  # pixels; the strokes of writing are not wider
_GRAPHIC_TYPE, _GRAPHIC_DATA = 0x00700023, 0x00700022
_FIGURES: Final = frozenset({"POINT", "CIRCLE", "ELLIPSE"})
_LINES: Final = frozenset({"POLYLINE", "INTERPOLATED"})
_STRAIGHT: Final = 4  # numbers: two points
_ORIGIN_NUMBERS: Final = 2
GRAPHIC_ANNOTATIONS: Final = 0x00700001
_TEXTS, _GRAPHICS, _COMPOUND = 0x00700008, 0x00700009, 0x00700209


def kept_overlay_tags(dataset: Dataset) -> frozenset[int]:
    """Give the tags of the overlay planes of a data set that may stay: what describes a region and its bits."""
    tags: set[int] = set()
    for group in _OVERLAYS:
        first = group << 16
        if first | _DATA in dataset and _is_region(dataset, first):
            tags.update(first | place for place in _KEPT if first | place in dataset)
            tags.update(first | place for place, vr in _STATISTICS.items() if _are_numbers(dataset, first | place, vr))
    return frozenset(tags)


def _is_region(dataset: Dataset, first: int) -> bool:
    data = dataset.get_item(first | _DATA).value
    rows, columns = (_integer(dataset, first | place) for place in (_ROWS, _COLUMNS))
    frames = first | 0x15 in dataset
    if frames or text_of(dataset, first | _TYPE, "CS", ASCII) != "R" or not isinstance(data, bytes):
        return False
    bits = (_integer(dataset, first | _BITS), _integer(dataset, first | _BIT))
    has_origin = len(_numbers(dataset, first | _ORIGIN, "<i2")) == _ORIGIN_NUMBERS
    return bits == (1, 0) and has_origin and is_solid(data, rows, columns)


def is_solid(data: bytes, rows: int, columns: int) -> bool:
    """Tell whether a plane of bits (PS3.5 section 8.1.2) is one or more solid areas, without thin strokes.

    Parameters
    ----------
    data
        Of an overlay plane: as many bits as rows times columns, and not a byte more than that needs.
    """
    needed = (rows * columns + 7) // 8
    if not rows or not columns or len(data) != needed + needed % 2:
        return False
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    plane = bits[: rows * columns].reshape(rows, columns).astype(bool)
    if bits[rows * columns :].any() or not plane.any():
        return False
    core = ~_spread(~plane, edge=True)  # what is further from every edge than half a stroke
    solid = _spread(_spread(core, edge=False), edge=False)
    return not (plane & ~solid).any()


def _spread(plane: npt.NDArray[np.bool_], *, edge: bool) -> npt.NDArray[np.bool_]:
    """Let every set pixel grow by half a stroke in all directions; `edge` is what lies outside the plane."""
    half = _STROKE // 2
    padded = np.pad(plane, half, constant_values=edge)
    rows, columns = plane.shape
    grown = np.zeros((rows + 2 * half, columns), bool)
    for shift in range(_STROKE + 1):
        grown |= padded[:, shift : shift + columns]
    result = np.zeros((rows, columns), bool)
    for shift in range(_STROKE + 1):
        result |= grown[shift : shift + rows]
    return result


def drop_handwriting(dataset: Dataset) -> int:
    """Take out of the graphic annotations of a data set what may be writing, and give how many objects that were.

    What is left are texts, which are cleaned as texts, and figures. Compound graphics go: they repeat plain ones
    (PS3.3 section C.10.5).
    """
    if GRAPHIC_ANNOTATIONS not in dataset or not isinstance(dataset[GRAPHIC_ANNOTATIONS].value, Sequence):
        return 0
    dropped = 0
    left = []
    for item in dataset[GRAPHIC_ANNOTATIONS].value:
        dropped += _without_handwriting(item)
        if _GRAPHICS in item or _TEXTS in item:
            left.append(item)
    if left:
        dataset[GRAPHIC_ANNOTATIONS].value = Sequence(left)
    else:
        del dataset[GRAPHIC_ANNOTATIONS]
    return dropped


def _without_handwriting(item: Dataset) -> int:
    compound = _COMPOUND in item
    if compound:
        del item[_COMPOUND]
    if _GRAPHICS not in item:
        return int(compound)
    objects = list(item[_GRAPHICS].value or ())
    figures = [figure for figure in objects if is_figure(figure)]
    if figures:
        item[_GRAPHICS].value = Sequence(figures)
    else:
        del item[_GRAPHICS]
    return compound + len(objects) - len(figures)


def is_figure(item: Dataset) -> bool:
    """Tell whether an item of a Graphic Object Sequence (PS3.3 section C.10.5) is a figure and no handwriting."""
    kind = text_of(item, _GRAPHIC_TYPE, "CS", ASCII)
    if kind in _FIGURES:
        return True
    points = _numbers(item, _GRAPHIC_DATA, "<f4") if kind in _LINES else []
    return len(points) == _STRAIGHT or (len(points) > _STRAIGHT and points[:2] == points[-2:])


def _integer(dataset: Dataset, tag: int) -> int:
    """Give one unsigned integer, 0 if there is none."""
    numbers = _numbers(dataset, tag, "<u2")
    return int(numbers[0]) if len(numbers) == 1 else 0


def _numbers(dataset: Dataset, tag: int, kind: str) -> list[Any]:
    """Give the numbers of an element, none if it holds something else."""
    value = dataset.get_item(tag).value if tag in dataset else None
    if isinstance(value, bytes):
        return [] if len(value) % np.dtype(kind).itemsize else list(np.frombuffer(value, kind))
    parts = list(value) if isinstance(value, (list, MultiValue)) else [value]
    return parts if all(isinstance(part, (int, float)) for part in parts) else []


def _are_numbers(dataset: Dataset, tag: int, vr: str) -> bool:
    text = text_of(dataset, tag, vr, ASCII)
    return text is not None and all(is_number(part, vr) for part in text.split("\\"))
