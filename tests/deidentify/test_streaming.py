"""An object that passes by comes out as one that is read as a whole, or not at all."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from tasks.deidentify.engine import run
from tasks.deidentify.engine.run import Engine
from tasks.deidentify.instance import deidentify_instance
from tasks.deidentify.streaming import BUFFER_BYTES, Streaming, Written
from tasks.store.checksum import crc64nvme_of
from tests.deidentify.objects import POLICY, ROOT, a_ct, bytes_of

PRIVATE_AFTER = b"\xe1\x7f\x10\x00LO\x08\x00ZZCANARY"


def a_large_ct(values: range | np.ndarray[Any, Any] = range(1000), **attributes: Any) -> bytes:
    """A CT slice of more than one buffer."""
    size = 512
    pixels = np.resize(np.array(values, dtype="<u2"), size * size).tobytes()
    return bytes_of(a_ct(Rows=size, Columns=size, BitsStored=12, HighBit=11, PixelData=pixels, **attributes))


class Trickle(io.RawIOBase):
    """A source that gives a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self._rest, self._step = memoryview(content), step

    def readinto(self, buffer: Any) -> int:
        part = self._rest[: min(len(buffer), self._step)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


def passed(content: bytes, engine: Engine | None = None, size: int | None = None) -> tuple[Written | None, bytes]:
    sink = io.BytesIO()
    source = io.BytesIO(content)
    streaming = Streaming(engine or Engine(POLICY))
    return streaming.passing(source, len(content) if size is None else size, sink), sink.getvalue()


def whole(content: bytes) -> bytes:
    finished = Engine(POLICY).deidentify(content)
    assert finished is not None
    return b"".join(finished.parts)


def an_implicit_ct() -> bytes:
    dataset = a_ct(Rows=8, Columns=8, PixelData=bytes(128))
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return bytes_of(dataset)


OBJECTS = [
    bytes_of(a_ct()),
    a_large_ct(),
    a_large_ct(SeriesDescription="Thorax ZZCANARY"),
    an_implicit_ct(),
]


@pytest.mark.parametrize("content", OBJECTS, ids=range(len(OBJECTS)))
def test_it_is_the_same_object_with_its_digests(content: bytes) -> None:
    written, out = passed(content)
    assert written is not None
    assert out == whole(content)
    assert written.size_bytes == len(out)
    assert written.digests == {
        "sha256": hashlib.sha256(out).hexdigest(),
        "md5": hashlib.md5(out, usedforsecurity=False).hexdigest(),
        "crc64nvme": crc64nvme_of(out),
        "pixel_sha256": deidentify_instance(content, POLICY).pixel_sha256,
    }
    assert written.outcome.rule_id == "DE-PASS"


def test_pixels_have_their_digest_whatever_the_header_is_and_alike_ones_none() -> None:
    values = np.resize(np.arange(1000, dtype="<u2"), 512 * 512)
    for content in (a_large_ct(), a_large_ct(PatientID="ZZOTHER", SOPInstanceUID=f"{ROOT}.9", InstanceNumber="7")):
        written, _ = passed(content)
        assert written is not None
        assert written.digests["pixel_sha256"] == hashlib.sha256(values.tobytes()).hexdigest()
    alike, _ = passed(a_large_ct(values=range(7, 8)))
    assert alike is not None
    assert alike.digests["pixel_sha256"] is None


def test_only_the_digests_that_are_asked_for_are_made() -> None:
    content = a_large_ct()
    written = Streaming(Engine(POLICY), ("sha256",)).passing(io.BytesIO(content), len(content), io.BytesIO())
    assert written is not None
    assert set(written.digests) == {"sha256"}


@pytest.mark.parametrize("step", [1 << 20, 4097, 999])
def test_how_the_bytes_come_makes_no_difference(step: int) -> None:
    content, sink = a_large_ct(), io.BytesIO()
    assert Streaming(Engine(POLICY)).passing(Trickle(content, step), len(content), sink) is not None
    assert sink.getvalue() == whole(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no DICOM",
        a_large_ct()[:-2],
        a_large_ct() + b"\0\0",
        a_large_ct() + PRIVATE_AFTER,
        a_large_ct(BurnedInAnnotation="YES"),
        a_large_ct(values=range(5000)),
        bytes_of(a_ct(PixelData=None)),
    ],
    ids=["empty", "other", "cut", "longer", "more after", "held", "spare bits", "no pixels"],
)
def test_what_does_not_simply_pass_is_left_to_be_read_as_a_whole(content: bytes) -> None:
    assert passed(content)[0] is None


def test_an_object_that_ends_before_its_pixels_do_does_not_pass() -> None:
    content = a_large_ct()
    assert passed(content[: BUFFER_BYTES + 7], size=len(content))[0] is None


def test_an_object_that_goes_on_after_its_size_does_not_pass() -> None:
    content = a_large_ct()
    assert passed(content + b"\0\0", size=len(content))[0] is None


EDGE = 1 << 16  # of the first stretch, counted from the start of the object


@pytest.mark.parametrize("place", [5000, EDGE - 6, EDGE + BUFFER_BYTES - 1, EDGE + BUFFER_BYTES + 9, -14])
def test_a_name_among_pixels_does_not_pass_wherever_it_stands(place: int) -> None:
    plain = bytes_of(a_ct(Rows=512, Columns=512, BitsStored=16, HighBit=15, PixelData=bytes(512 * 512 * 2)))
    content = bytearray(plain)
    start = place % len(content)
    content[start : start + 14] = b"ZZCANARY^ANNA\0"
    assert passed(bytes(content))[0] is None
    assert passed(plain)[0] is not None


def series(count: int, **attributes: Any) -> list[bytes]:
    """Slices of one series."""
    return [
        bytes_of(
            a_ct(
                SOPInstanceUID=f"{ROOT}.77.{number}",
                InstanceNumber=str(number),
                ImagePositionPatient=["0", "0", str(number)],
                SliceLocation=str(number),
                ContentTime=f"1200{number:02d}",
                **attributes,
            )
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    "more", [{}, {"SeriesDescription": "Thorax ZZCANARY"}, {"PatientComments": "ZZCANARY"}], ids=str
)
def test_slices_that_repeat_each_other_come_out_as_if_each_stood_alone(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[bool] = []
    real = run.repeated

    def noted(*args: Any) -> Any:
        found = real(*args)
        met.append(found is not None)
        return found

    monkeypatch.setattr(run, "repeated", noted)
    engine = Engine(POLICY)
    for content in series(8, **more):
        finished, alone = engine.deidentify(content), Engine(POLICY).deidentify(content)
        assert finished is not None
        assert alone is not None
        assert b"".join(finished.parts) == b"".join(alone.parts)
        assert finished.outcome == alone.outcome
    assert sum(met) >= 5


@pytest.mark.parametrize(
    "odd",
    [
        {"SeriesDescription": "Head"},
        {"PatientName": "ZZOTHER^ANNA"},
        {"SeriesInstanceUID": f"{ROOT}.78"},
        {"ImageComments": "ZZCANARY"},
        {"BodyPartExamined": "HEAD"},
        {"Rows": 2, "Columns": 2, "PixelData": bytes(8)},
        {"StudyDate": "20200101"},
    ],
    ids=str,
)
def test_a_slice_that_is_not_like_the_others_is_met_as_such(odd: dict[str, Any]) -> None:
    engine = Engine(POLICY)
    contents = [*series(4), *series(1, **odd), *series(3)]
    for content in contents:
        finished, alone = engine.deidentify(content), Engine(POLICY).deidentify(content)
        assert (finished is None) == (alone is None)
        if finished and alone:
            assert b"".join(finished.parts) == b"".join(alone.parts)
            assert finished.outcome == alone.outcome
