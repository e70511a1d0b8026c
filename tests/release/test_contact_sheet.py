import hashlib
import struct
import zlib
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tasks.dicom.thumbnail import thumbnail
from tasks.layout import object_key
from tasks.release.contact_sheet import ACROSS, DOWN, GAP, SIDE, contact_sheet, png
from tasks.store.memory import MemoryStore


def an_image(pixels: np.ndarray, photometric: str = "MONOCHROME2", **values: object) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.1"
    colored = photometric == "RGB"
    shape = pixels.shape[:-1] if colored else pixels.shape
    dataset.Rows, dataset.Columns = shape[-2:]
    if len(shape) == 3:
        dataset.NumberOfFrames = shape[0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3 if colored else 1, photometric
    if colored:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = pixels.itemsize * 8
    dataset.HighBit, dataset.PixelRepresentation = pixels.itemsize * 8 - 1, 0
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Read a grey PNG in the plainest way."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, data, size = 8, b"", (0, 0)
    while place < len(content):
        (length,), kind = struct.unpack(">I", content[place : place + 4]), content[place + 4 : place + 8]
        body = content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            data += body
        place += 12 + length
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size[1], size[0] + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_png_holds_the_picture() -> None:
    picture = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert np.array_equal(decoded(png(picture)), picture)


def test_the_darkest_is_black_and_the_brightest_white() -> None:
    grey = thumbnail(an_image(np.linspace(100, 4000, 64 * 64, dtype=np.uint16).reshape(64, 64)), 32)
    assert grey is not None
    assert grey.shape == (32, 32)
    assert grey[0, 0] == 0
    assert grey[-1, -1] > 250
    assert (np.diff(grey.astype(int).ravel()) >= 0).all()


def test_the_first_window_of_the_header_is_used() -> None:
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    values = {"WindowCenter": [40, 500], "WindowWidth": [400, 100], "RescaleSlope": 1, "RescaleIntercept": -1024}
    grey = thumbnail(an_image(pixels, **values), 64)
    assert grey is not None
    shown = grey.ravel()
    assert (shown[864], shown[865] > 0, shown[1263], shown[1264]) == (0, True, 254, 255)


def test_an_image_that_is_stored_inverted_is_shown_upright() -> None:
    pixels = np.linspace(0, 255, 64 * 64, dtype=np.uint8).reshape(64, 64)
    one, other = (thumbnail(an_image(pixels, kind), 16) for kind in ("MONOCHROME2", "MONOCHROME1"))
    assert one is not None
    assert other is not None
    assert np.array_equal(one, 255 - other)


def test_a_long_image_keeps_its_shape() -> None:
    grey = thumbnail(an_image(np.tile(np.arange(1, 201, dtype=np.uint8), (50, 1))), 40)
    assert grey is not None
    assert not grey[:15].any()
    assert not grey[25:].any()
    assert grey[20, 39] > grey[20, 0]


def test_the_middle_frame_is_shown() -> None:
    frames = np.zeros((5, 8, 8), np.uint8)
    frames[2, :4] = 200
    grey = thumbnail(an_image(frames), 8)
    assert grey is not None
    assert (grey[:4] == 255).all()
    assert (grey[4:] == 0).all()


def test_colors_become_grey() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[4:] = (90, 0, 210)
    grey = thumbnail(an_image(pixels, "RGB"), 8)
    assert grey is not None
    assert (grey[0, 0], grey[-1, 0]) == (0, 255)


@pytest.mark.parametrize("content", [b"", b"no image", an_image(np.ones((4, 4), np.uint8))[:-8]])
def test_what_cannot_be_decoded_is_not_shown(content: bytes) -> None:
    assert thumbnail(content, 8) is None


def test_one_value_everywhere_is_black() -> None:
    assert not np.any(thumbnail(an_image(np.full((4, 4), 7, np.uint8)), 4))


def a_release(images: list[bytes], deid_pixel: str = "checked_clean") -> tuple[MemoryStore, pa.Table]:
    work = MemoryStore("work")
    rows = []
    for number, content in enumerate(images):
        digest = hashlib.sha256(content).hexdigest()
        work.create(object_key(digest), content)
        rows.append(
            {
                "series_uid": f"2.25.{number:03}",
                "instance_number": 1,
                "sha256": digest,
                "deid_pixel": deid_pixel,
                "study_uid": "2.25.1",
                "subject_id": "A",
            }
        )
    return work, pa.Table.from_pylist(rows)


def test_a_sheet_shows_series_from_the_whole_release() -> None:
    work, rows = a_release([an_image(np.full((4, 4), 9, np.uint8)) for _ in range(1)] * 100)
    sheet = contact_sheet(work, rows)
    assert sheet is not None
    assert decoded(sheet).shape == (DOWN * (SIDE + GAP) + GAP, ACROSS * (SIDE + GAP) + GAP)
    assert contact_sheet(work, rows) == sheet


def test_series_without_pixels_are_left_out() -> None:
    work, rows = a_release([an_image(np.eye(4, dtype=np.uint8)), b"a report"])
    sheet = contact_sheet(work, rows)
    assert sheet is not None
    assert decoded(sheet).shape[0] == SIDE + 2 * GAP
    assert contact_sheet(*a_release([b"a report"])) is None


def test_the_middle_instance_stands_for_its_series() -> None:
    dark, bright = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    bright[:2] = 200
    work, _ = a_release([an_image(dark), an_image(bright)])
    digests = [hashlib.sha256(an_image(pixels)).hexdigest() for pixels in (dark, bright, dark)]
    rows = pa.table(
        {
            "series_uid": ["2.25.1"] * 3,
            "instance_number": [3, 2, 1],
            "sha256": digests,
            "deid_pixel": ["redacted", "checked_clean", "checked_clean"],
            "study_uid": ["2.25.1"] * 3,
            "subject_id": ["A"] * 3,
        }
    )
    sheet = contact_sheet(work, rows)
    assert sheet is not None
    assert (decoded(sheet)[GAP + 1, GAP + 1], decoded(sheet)[GAP + SIDE - 2, GAP + 1]) == (255, 0)


@pytest.mark.parametrize("state", ["not_checked", "not_needed"])
def test_pixels_that_nobody_searched_are_not_shown(state: str) -> None:
    images = [an_image(np.eye(4, dtype=np.uint8) * value) for value in (50, 100, 200)]
    assert contact_sheet(*a_release(images, state)) is None
    work, rows = a_release(images)
    mixed = rows.set_column(3, "deid_pixel", pa.array([state, "redacted", "checked_clean"]))
    sheet = contact_sheet(work, mixed)
    assert sheet is not None
    assert sheet == contact_sheet(work, rows.slice(1))


def test_a_series_with_one_instance_that_nobody_searched_is_not_shown() -> None:
    work, rows = a_release([an_image(np.eye(4, dtype=np.uint8))] * 2)
    one = rows.set_column(0, "series_uid", pa.array(["2.25.1"] * 2))
    assert contact_sheet(work, one) is not None
    assert contact_sheet(work, one.set_column(3, "deid_pixel", pa.array(["checked_clean", "not_checked"]))) is None
