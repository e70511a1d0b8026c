"""Equal pixels have an equal digest, however they are wrapped; pixels that say nothing have none."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.encoders import JPEG2000LosslessEncoder, JPEGLSLosslessEncoder, RLELosslessEncoder

from config.settings import ObjectLimits
from tasks.dicom.encapsulation import read_fragments
from tasks.dicom.pixel_digest import PixelDigest, pixel_digest_of
from tasks.dicom.pixels import clean_pixel_carriers
from tasks.dicom.reading import read_dataset

BytesOf = Callable[..., bytes]
ImageOf = Callable[..., Dataset]
BIG, IMPLICIT, DEFLATED, ENCAPSULATED = (f"1.2.840.10008.1.2{part}" for part in (".2", "", ".1.99", ".1.98"))
RLE, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
ENCODERS: dict[str, Any] = {
    RLE: RLELosslessEncoder,
    JPEG_LS: JPEGLSLosslessEncoder,
    JPEG_2000: JPEG2000LosslessEncoder,
}
EIGHT_BITS = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
COLOUR = EIGHT_BITS | {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
SIZE = 128


def digest_of(content: bytes) -> str | None:
    dataset = read_dataset(content, ObjectLimits())
    clean_pixel_carriers(dataset)
    return pixel_digest_of(dataset)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def noise(size: int = SIZE) -> bytes:
    return np.random.default_rng(1).integers(0, 4096, (size, size)).astype("<u2").tobytes()


def code_stream(syntax: str, pixels: bytes, size: int = SIZE) -> bytes:
    stream: bytes = ENCODERS[syntax].encode(
        pixels, rows=size, columns=size, samples_per_pixel=1, photometric_interpretation="MONOCHROME2",
        bits_allocated=16, bits_stored=12, pixel_representation=0, number_of_frames=1,
    )  # fmt: skip
    return stream


def test_native_pixels_have_one_digest_in_every_layout(image: ImageOf, part10: BytesOf) -> None:
    values = np.arange(6)
    little = values.astype("<u2").tobytes()
    for syntax in (IMPLICIT, "1.2.840.10008.1.2.1", DEFLATED):
        assert digest_of(part10(image(PixelData=little), syntax)) == sha256(little)
    assert digest_of(part10(image(PixelData=values.astype(">u2").tobytes()), BIG)) == sha256(little)


def test_padding_and_what_follows_the_image_do_not_count(image: ImageOf, part10: BytesOf) -> None:
    odd = {"Rows": 1, "Columns": 3, **EIGHT_BITS}
    for tail in (b"\0", b"\0after", b"!"):
        assert digest_of(part10(image(PixelData=b"abc" + tail, **odd))) == sha256(b"abc")


@pytest.mark.parametrize(("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_pixels_that_are_no_integers_have_a_digest_too(
    image: ImageOf, part10: BytesOf, keyword: str, kind: str
) -> None:
    content = np.linspace(0, 1, 6).astype(kind).tobytes()
    bits = dict.fromkeys(("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"))
    assert digest_of(part10(image(PixelData=None, **bits, **{keyword: content}))) == sha256(content)


@pytest.mark.parametrize(
    ("pixels", "facts"),
    [
        (b"\x07\x01" * 6, {}),
        (b"\x07" * 6, EIGHT_BITS),
        (b"abc" * 6, COLOUR),
        (b"a" * 18, COLOUR | {"PlanarConfiguration": 1}),
        (b"yyuv" * 4, COLOUR | {"PhotometricInterpretation": "YBR_FULL_422", "Columns": 4}),
        (bytes(2), {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}),
        (b"ab", {"Rows": 1, "Columns": 1}),
    ],
    ids=["words", "bytes", "colour", "planes", "half the colour", "mask", "one pixel"],
)
def test_pixels_that_are_all_alike_have_none(
    image: ImageOf, part10: BytesOf, pixels: bytes, facts: dict[str, Any]
) -> None:
    assert digest_of(part10(image(PixelData=pixels, **facts))) is None
    if len(pixels) > 2:
        assert digest_of(part10(image(PixelData=bytes([pixels[0] ^ 1]) + pixels[1:], **facts)))
        assert digest_of(part10(image(PixelData=pixels[:-1] + bytes([pixels[-1] ^ 1]), **facts)))


def test_without_pixels_there_is_none(image: ImageOf, part10: BytesOf) -> None:
    assert digest_of(part10(image(PixelData=None))) is None


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("odd", [None, 0, 6, 500, 999])
def test_how_the_bytes_come_makes_no_difference(step: int, odd: int | None) -> None:
    content = bytearray(b"abcdef" * 166 + b"abcd")
    if odd is not None:
        content[odd] ^= 1
    digest = PixelDigest(6)
    for start in range(0, len(content), step):
        digest.update(memoryview(content)[start : start + step])
    assert digest.hexdigest() == (None if odd is None else sha256(bytes(content)))


@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_code_stream_has_one_digest_however_it_is_cut(encapsulated: BytesOf, syntax: str) -> None:
    stream = code_stream(syntax, noise())
    facts = {"Rows": SIZE, "Columns": SIZE}
    ways: list[dict[str, Any]] = [
        {},
        {"has_bot": False},
        {"PixelData": encapsulate([stream], fragments_per_frame=3)},
        {"PatientName": "ZZOTHER", "SOPInstanceUID": "1.2.5"},
    ]
    digests = {digest_of(encapsulated([stream], syntax, **facts, **way)) for way in ways}
    assert len(digests) == 1
    assert None not in digests
    if syntax != JPEG_2000:  # the encoder's comment is taken out of it
        assert digests == {sha256(stream)}


def test_the_byte_that_makes_a_code_stream_even_does_not_count(encapsulated: BytesOf) -> None:
    streams = [code_stream(JPEG_LS, noise(size), size).rstrip(b"\0") for size in range(SIZE, SIZE + 16)]
    assert {len(stream) % 2 for stream in streams} == {0, 1}
    for size, stream in enumerate(streams, SIZE):
        assert digest_of(encapsulated([stream], JPEG_LS, Rows=size, Columns=size)) == sha256(stream)


def test_frames_are_joined_without_what_is_around_them(encapsulated: BytesOf) -> None:
    frames = [code_stream(RLE, pixels) for pixels in (noise(), noise(2 * SIZE)[: len(noise())])]
    content = encapsulated(frames, RLE, Rows=SIZE, Columns=SIZE)
    written = read_dataset(content, ObjectLimits()).PixelData
    assert len(read_fragments(written).fragments) == 2
    assert list(generate_frames(written, number_of_frames=2)) == frames
    assert digest_of(content) == sha256(b"".join(frames))


@pytest.mark.parametrize("size", [64, 512, 1500])
@pytest.mark.parametrize("value", [0, 7, 1000])
@pytest.mark.parametrize("syntax", ENCODERS)
def test_an_empty_slice_that_is_compressed_has_none(encapsulated: BytesOf, syntax: str, value: int, size: int) -> None:
    stream = code_stream(syntax, np.full(size * size, value, "<u2").tobytes(), size)
    assert digest_of(encapsulated([stream], syntax, Rows=size, Columns=size)) is None


@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_slice_with_little_in_it_has_one(encapsulated: BytesOf, syntax: str) -> None:
    pixels = np.zeros((512, 512), "<u2")
    pixels[200:240, 200:240] = np.frombuffer(noise(40), "<u2").reshape(40, 40)
    stream = code_stream(syntax, pixels.tobytes(), 512)
    assert digest_of(encapsulated([stream], syntax, Rows=512, Columns=512))


def test_native_pixels_in_fragments_are_judged_as_native_ones(encapsulated: BytesOf) -> None:
    facts = {"Rows": 2, "Columns": 2, "SamplesPerPixel": 1}
    frames = [np.arange(4, dtype="<u2").tobytes(), bytes(8)]
    assert digest_of(encapsulated(frames, ENCAPSULATED, **facts)) == sha256(b"".join(frames))
    assert digest_of(encapsulated([b"ab" * 4, b"ab" * 4], ENCAPSULATED, **facts)) is None
