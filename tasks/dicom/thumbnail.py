"""A small grey picture of an image, for people to see what kind of image it is; never for reading it."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue

from tasks.dicom.silence import silenced

_DARKEST, _BRIGHTEST = 1.0, 99.0  # percentiles of the values that become black and white where no window is given


def thumbnail(content: bytes, side: int) -> NDArray[np.uint8] | None:
    """Give a square picture of the middle frame, fitted in and centred on black.

    Parameters
    ----------
    content
        A DICOM object.
    side
        Rows and columns of the picture.

    Returns
    -------
    NDArray[np.uint8]
        Rows by columns, 0 black and 255 white; None if the object has no pixels that can be decoded here.
    """
    with silenced():
        try:
            dataset = dcmread(BytesIO(content))
            frames, inverted = dataset.pixel_array, dataset.PhotometricInterpretation == "MONOCHROME1"
            colored = int(dataset.get("SamplesPerPixel", 1)) > 1
            window = None if colored else _window(dataset)
        except Exception:  # noqa: BLE001 -- an object without pixels, or with such as no codec here decodes
            return None
    values = frames.astype(np.float64)
    values = values.mean(axis=-1) if colored else values
    values = values[len(values) // 2] if values.ndim > 2 else values  # noqa: PLR2004 -- frames, rows, columns
    low, high = window or np.percentile(values, [_DARKEST, _BRIGHTEST])
    grey = _fitted(_stretched(values, float(low), float(high)), side)
    return np.uint8(255) - grey if inverted else grey


def _window(dataset: Dataset) -> tuple[float, float] | None:
    """Give the stored values that become black and white by the first window of the header (PS3.3 C.11.2.1.2)."""
    center, width = (dataset.get(keyword) for keyword in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        return None
    first = [float(one[0] if isinstance(one, MultiValue) else one) for one in (center, width)]
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return (first[0] - first[1] / 2 - intercept) / slope, (first[0] + first[1] / 2 - intercept) / slope


def _stretched(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    return shares * 255.0


def _fitted(values: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """Shrink to a square by the nearest values, keeping the shape of the image."""
    rows, columns = values.shape
    longest = max(rows, columns)
    height, width = max(1, rows * side // longest), max(1, columns * side // longest)
    picked = values[np.arange(height) * rows // height][:, np.arange(width) * columns // width]
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picked.round().astype(np.uint8)
    return square
