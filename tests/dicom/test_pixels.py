"""Pixel data fit their description or are refused, and carry nothing else when they leave."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from config.settings import ObjectLimits
from tasks.dicom import encapsulation, spare_bits
from tasks.dicom.pixels import check_pixels, clean_pixel_carriers
from tasks.dicom.reading import read_dataset
from tasks.dicom.refusal import Refusal
from tasks.dicom.rle import masked_frame, segments_of
from tasks.dicom.spare_bits import Cells, byte_tables, clear_spare_bits
from tasks.dicom.writing import write_dataset

LIMITS = ObjectLimits()
BytesOf = Callable[..., bytes]
ImageOf = Callable[..., Dataset]
RLE, NATIVE_FRAGMENTS, JPEG = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.50"


def cleaned(content: bytes) -> bytes:
    dataset = read_dataset(content, LIMITS)
    check_pixels(dataset)
    clean_pixel_carriers(dataset)
    keyword = next(word for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if word in dataset)
    assert read_dataset(write_dataset(dataset), LIMITS)[keyword].value == dataset[keyword].value
    return bytes(dataset[keyword].value)


def refused(content: bytes) -> str:
    dataset = read_dataset(content, LIMITS)
    with pytest.raises(Refusal) as refusal:
        check_pixels(dataset)
    return refusal.value.rule_id


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        ({}, 12),
        ({"NumberOfFrames": 2}, 24),
        ({"Rows": 1, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, 3),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "NumberOfFrames": 3}, 3),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, 18),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, 24),
        ({"HighBit": None}, 12),
        ({"SamplesPerPixel": None}, 12),
    ],
)
def test_native_data_are_cut_to_their_size_and_padded_with_zero(
    image: ImageOf, part10: BytesOf, facts: dict[str, Any], size: int
) -> None:
    pixels = bytes(range(1, size + 1)) if size % 2 else bytes(size)
    padded = pixels + b"\0" * (size % 2)
    for given_pixels in (padded, pixels + b"ZZCANARY" + b"!" * (size % 2), pixels + b"!" * (size % 2)):
        assert cleaned(part10(image(PixelData=given_pixels, **facts))) == padded


def test_short_native_data_are_refused(image: ImageOf, part10: BytesOf) -> None:
    assert refused(part10(image(PixelData=bytes(10)))) == "DE-PIXELS"
    assert refused(part10(image(PixelData=b""))) == "DE-PIXELS"
    assert refused(part10(image(PixelData=None, FloatPixelData=bytes(22), BitsAllocated=32))) == "DE-PIXELS"


def test_float_pixels_are_cut_too(image: ImageOf, part10: BytesOf) -> None:
    facts = {"PixelData": None, "BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    single = image(FloatPixelData=bytes(24) + b"ZZCANARY", BitsAllocated=32, **facts)
    double = image(DoubleFloatPixelData=bytes(48) + b"ZZCANARY", BitsAllocated=64, **facts)
    assert cleaned(part10(single)) == bytes(24)
    assert cleaned(part10(double)) == bytes(48)


@pytest.mark.parametrize(("size", "left"), [(24, 24), (26, 24), (16, 16), (18, 16)])
def test_subsampled_native_data_are_cut_only_where_they_are_too_short_for_full_sampling(
    image: ImageOf, part10: BytesOf, size: int, left: int
) -> None:
    facts = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    dataset = image(PhotometricInterpretation="YBR_FULL_422", Columns=4, PixelData=bytes(size), **facts)
    assert len(cleaned(part10(dataset))) == left


@pytest.mark.parametrize(
    "facts",
    [
        {"Rows": None},
        {"Rows": 0},
        {"Columns": 0},
        {"BitsAllocated": None},
        {"BitsAllocated": 12},
        {"BitsStored": None},
        {"BitsStored": 17, "HighBit": 15},
        {"BitsStored": 0},
        {"HighBit": 16},
        {"HighBit": 3},
        {"SamplesPerPixel": 5},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": -1},
        {"Rows": [2, 2]},
        {"FloatPixelData": bytes(24)},
    ],
)
def test_descriptions_that_fit_no_pixels_are_refused(image: ImageOf, part10: BytesOf, facts: dict[str, Any]) -> None:
    dataset = read_dataset(part10(image()), LIMITS)
    for keyword, value in facts.items():
        dataset.pop(keyword, None)
        if value is not None:
            setattr(dataset, keyword, value)
    with pytest.raises(Refusal, match="DE-PIXELS"):
        check_pixels(dataset)


def test_values_that_are_no_numbers_are_refused(real: Callable[[str], bytes], image: ImageOf, part10: BytesOf) -> None:
    assert refused(real("badVR.dcm")) == "DE-PIXELS"
    content = part10(image()).replace(b"\x28\x00\x10\x00US\x02\x00\x02\x00", b"\x28\x00\x10\x00US\x03\x00\x02\x00\x00")
    assert refused(content) == "DE-PIXELS"


def test_a_data_set_without_pixels_passes(image: ImageOf, part10: BytesOf) -> None:
    dataset = read_dataset(part10(image(PixelData=None)), LIMITS)
    check_pixels(dataset)
    clean_pixel_carriers(dataset)
    assert "PixelData" not in dataset


def test_pixels_that_are_no_bytes_are_refused(image: ImageOf, part10: BytesOf) -> None:
    dataset = read_dataset(part10(image()), LIMITS)
    dataset["PixelData"].VR = "SQ"
    dataset["PixelData"]._value = [Dataset()]
    with pytest.raises(Refusal, match="DE-PIXELS"):
        check_pixels(dataset)


# Encapsulated ---------------------------------------------------------------------------------------------------------


def jpeg(rows: int = 2, columns: int = 3, *, comment: bytes = b"") -> bytes:
    """A stream that is well formed, which is all that is asked here."""
    size = struct.pack(">BHHB", 8, rows, columns, 1) + b"\1\x11\0"
    note = b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment if comment else b""
    head = b"\xff\xd8" + note + b"\xff\xc0" + struct.pack(">H", 2 + len(size)) + size
    return head + b"\xff\xda\x00\x08\1\1\0\0\x3f\0" + b"\x11\x22" * 5 + b"\x33\xff\xd9"


FACTS_8 = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


def test_clean_encapsulated_data_are_left_byte_for_byte(encapsulated: BytesOf) -> None:
    for has_bot in (True, False):
        value = encapsulate([jpeg(), jpeg()], has_bot=has_bot)
        assert cleaned(encapsulated([jpeg(), jpeg()], JPEG, has_bot=has_bot, **FACTS_8)) == value


def test_changed_frames_are_wrapped_under_a_correct_table(encapsulated: BytesOf) -> None:
    frames = [jpeg(comment=b"ZZCANARY"), jpeg(comment=b"ZZCANARY longer")]
    value = cleaned(encapsulated(frames, JPEG, **FACTS_8, ExtendedOffsetTable=bytes(16)))
    assert value == encapsulate([jpeg(), jpeg()], has_bot=True)
    assert list(generate_frames(value, number_of_frames=2)) == [jpeg(), jpeg()]


def test_an_extended_offset_table_that_no_longer_fits_goes(encapsulated: BytesOf) -> None:
    frames = [jpeg(comment=b"ZZCANARY"), jpeg()]
    tables = {"ExtendedOffsetTable": bytes(16), "ExtendedOffsetTableLengths": bytes(16)}
    dataset = read_dataset(encapsulated(frames, JPEG, **FACTS_8, **tables), LIMITS)
    clean_pixel_carriers(dataset)
    assert "ExtendedOffsetTable" not in dataset
    assert "ExtendedOffsetTableLengths" not in dataset


def fragments(*parts: bytes, table: bytes = b"") -> bytes:
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<L", len(part)) + part for part in (table, *parts))


@pytest.mark.parametrize("table", [b"", struct.pack("<LL", 0, 2 * 8 + len(jpeg()))])
def test_frames_in_several_fragments_are_told_apart(encapsulated: BytesOf, table: bytes) -> None:
    one, two = jpeg(comment=b"ab"), jpeg(comment=b"cd")
    table = table and struct.pack("<LL", 0, 2 * 8 + len(one))
    value = fragments(one[:20], one[20:], two, table=table)
    assert cleaned(encapsulated([one, two], JPEG, **FACTS_8, PixelData=value)) == encapsulate([jpeg(), jpeg()])


def test_fragments_of_one_frame_are_one_stream(encapsulated: BytesOf) -> None:
    one = jpeg()
    value = fragments(one[:20], one[20:])
    assert cleaned(encapsulated([one], JPEG, **FACTS_8, PixelData=value)) == value


def test_a_wrong_offset_table_is_made_right(encapsulated: BytesOf) -> None:
    value = fragments(jpeg(), jpeg(), table=struct.pack("<LL", 0, 99))
    assert cleaned(encapsulated([jpeg()] * 2, JPEG, **FACTS_8, PixelData=value)) == encapsulate([jpeg(), jpeg()])


@pytest.mark.parametrize(
    "value",
    [
        fragments(jpeg()),
        fragments(),
        b"",
        fragments(jpeg(), jpeg(), table=b"\0\0"),
        fragments(jpeg()[:20], jpeg()[20:], jpeg(), table=struct.pack("<LL", 0, 7)),
        fragments(jpeg()[:20], jpeg()[20:], jpeg(), table=struct.pack("<LLL", 0, 28, 99)),
        fragments(jpeg(), jpeg(), jpeg()),
        fragments(b"ab", jpeg(), b"cd"),
        fragments(jpeg()[:-2], jpeg()[:-2]),
        fragments(jpeg(rows=5), jpeg()),
        fragments(jpeg(columns=5), jpeg()),
    ],
)
def test_fragments_that_are_not_the_frames_are_refused(encapsulated: BytesOf, value: bytes) -> None:
    dataset = read_dataset(encapsulated([jpeg(), jpeg()], JPEG, **FACTS_8), LIMITS)
    dataset["PixelData"].value = value
    with pytest.raises(Refusal, match="DE-PIXELS"):
        check_pixels(dataset)


def test_an_item_that_reaches_past_the_end_is_refused() -> None:
    with pytest.raises(Refusal):
        encapsulation.read_fragments(fragments(b"ab")[:-1])
    with pytest.raises(Refusal):
        encapsulation.read_fragments(b"\xfe\xff\xdd\xe0\0\0\0\0")


def test_native_data_under_a_compressed_syntax_and_the_reverse_are_refused(
    image: ImageOf, part10: BytesOf, encapsulated: BytesOf
) -> None:
    native = read_dataset(part10(image()), LIMITS)
    native.file_meta.TransferSyntaxUID = JPEG
    wrapped = read_dataset(encapsulated([jpeg()], JPEG, **FACTS_8), LIMITS)
    wrapped.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    for dataset in (native, wrapped):
        with pytest.raises(Refusal, match="DE-PIXELS"):
            check_pixels(dataset)


def test_a_table_is_left_out_where_offsets_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encapsulation, "_MAX_OFFSET", 10)
    assert encapsulation.encapsulate([b"abcd", b"efg"]) == fragments(b"abcd", b"efg\0")


def test_encapsulated_native_frames_are_cut_and_masked(encapsulated: BytesOf) -> None:
    frames = [b"\xff\xff" * 6 + b"ZZCANARY", bytes(12)]
    assert cleaned(encapsulated(frames, NATIVE_FRAGMENTS)) == encapsulate([b"\xff\x0f" * 6, bytes(12)])
    assert refused(encapsulated([bytes(10)], NATIVE_FRAGMENTS)) == "DE-PIXELS"


# Spare bits -----------------------------------------------------------------------------------------------------------


def slow(value: int, cells: Cells, *, any_is_mixed: bool) -> int:
    """One cell after the other, bit by bit."""
    low = cells.high + 1 - cells.stored
    bits = [value >> bit & 1 if low <= bit <= cells.high else 0 for bit in range(cells.allocated)]
    if cells.is_signed and any_is_mixed:
        bits[cells.high + 1 :] = [bits[cells.high]] * (cells.allocated - cells.high - 1)
    return sum(bit << place for place, bit in enumerate(bits))


@given(data=st.data())
def test_spare_bits_are_cleared_like_bit_by_bit(data: st.DataObject) -> None:
    allocated = data.draw(st.sampled_from([8, 16, 32]))
    high = data.draw(st.integers(0, allocated - 1))
    cells = Cells(allocated, data.draw(st.integers(1, high + 1)), high, is_signed=data.draw(st.booleans()))
    values = data.draw(st.lists(st.integers(0, (1 << allocated) - 1), min_size=1, max_size=20))
    size = allocated // 8
    has_spare = any(value & ~cells.used for value in values)
    found = clear_spare_bits(b"".join(value.to_bytes(size, "little") for value in values), cells)
    numbers = [int.from_bytes(found[at : at + size], "little") for at in range(0, len(found), size)]
    assert numbers == [slow(value, cells, any_is_mixed=has_spare) for value in values]


@pytest.mark.parametrize("is_signed", [True, False])
def test_data_without_anything_in_spare_bits_are_the_same_object(is_signed: bool) -> None:  # noqa: FBT001 -- a parameter
    value = bytes([0xFF, 0x0F, 0x01, 0x00])
    assert clear_spare_bits(value, Cells(16, 12, 11, is_signed=is_signed)) is value


def test_repeated_signs_are_left_alone() -> None:
    value = struct.pack("<4h", -1, -2048, 5, 2047)
    assert clear_spare_bits(value, Cells(16, 12, 11, is_signed=True)) is value


def test_large_data_are_cleared_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_bits, "_CHUNK_BYTES", 4)
    assert clear_spare_bits(b"\xff\xff" * 5, Cells(16, 12, 11, is_signed=False)) == b"\xff\x0f" * 5


def test_overlays_in_high_bits_go_from_native_pixels(image: ImageOf, part10: BytesOf) -> None:
    assert cleaned(part10(image(PixelData=b"\x34\xf2" * 6))) == b"\x34\x02" * 6


# RLE ------------------------------------------------------------------------------------------------------------------


def rle(*segments: bytes, count: int | None = None, first: int = 64, unused: int = 0) -> bytes:
    offsets, position = [], first
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    header = [count if count is not None else len(segments), *offsets, *[0] * (14 - len(offsets)), unused]
    return struct.pack("<16L", *header[:16]) + b"".join(segments)


HIGH, LOW = b"\xff\xf2\x03\x02\xf1\x03\x80\x00", b"\xfb\x34"  # 6 values each: a run, then literals, then nothing


def test_overlays_in_high_bits_go_from_rle_pixels_without_moving_a_byte(
    encapsulated: BytesOf, decoded: Callable[[bytes], Any]
) -> None:
    high = b"\xff\xf2\x03\xf2\xf1\x03\x02\x80"
    content = encapsulated([rle(high, LOW)], RLE)
    assert cleaned(content) == encapsulate([rle(b"\xff\x02\x03\x02\x01\x03\x02\x80", LOW)])
    dataset = read_dataset(content, LIMITS)
    clean_pixel_carriers(dataset)
    assert np.array_equal(decoded(write_dataset(dataset)), decoded(content) & 0x0FFF)


@pytest.mark.parametrize(
    ("cells", "segments", "expected"),
    [
        (Cells(16, 12, 11, is_signed=True), (b"\x01\xff\x01", b"\x01\x00\x00"), (b"\x01\xff\x01", b"\x01\x00\x00")),
        (Cells(16, 12, 11, is_signed=True), (b"\x01\x0f\x01", b"\x01\x00\x00"), (b"\x01\x0f\x01", b"\x01\x00\x00")),
        (Cells(16, 12, 11, is_signed=True), (b"\x01\x5f\xf1", b"\x01\x00\x00"), (b"\x01\xff\x01", b"\x01\x00\x00")),
        (Cells(16, 8, 7, is_signed=True), (b"\x01\xf0\x10", b"\x01\x80\x7f"), (b"\x01\xff\x00", b"\x01\x80\x7f")),
        (Cells(16, 8, 7, is_signed=False), (b"\x01\xf0\x10", b"\x01\x80\x7f"), (b"\x01\x00\x00", b"\x01\x80\x7f")),
        (Cells(16, 12, 15, is_signed=True), (b"\x01\x80\x10", b"\x01\x8f\x7f"), (b"\x01\x80\x10", b"\x01\x80\x70")),
    ],
)
def test_byte_planes_are_masked_as_whole_cells_are(
    cells: Cells, segments: tuple[bytes, bytes], expected: tuple[bytes, bytes]
) -> None:
    frame = rle(*segments)
    assert masked_frame(frame, segments_of(frame, 2), byte_tables(cells)) == rle(*expected)


def walked(segment: bytes, mask: int) -> bytes:
    """Clear bits of a segment's values run by run, as the standard reads it."""
    out, position = bytearray(segment), 0
    while position < len(out):
        control = out[position]
        run = control + 1 if control < 128 else int(control != 128)
        out[position + 1 : position + 1 + run] = bytes(byte & mask for byte in out[position + 1 : position + 1 + run])
        position += 1 + run
    return bytes(out)


RUNS = st.one_of(
    st.binary(min_size=1, max_size=128).map(lambda values: bytes([len(values) - 1]) + values),
    st.lists(st.integers(0, 15), min_size=1, max_size=128).map(lambda values: bytes([len(values) - 1, *values])),
    st.tuples(st.integers(129, 255), st.integers(0, 15)).map(bytes),
    st.just(b"\x80"),
    st.binary(min_size=1, max_size=2),
)


@given(st.lists(RUNS, min_size=1, max_size=12), st.integers(9, 15))
def test_rle_values_are_masked_and_run_lengths_never(runs: list[bytes], stored: int) -> None:
    high = b"".join(runs)
    frame = rle(high, b"\x80")
    cells = Cells(16, stored, stored - 1, is_signed=False)
    masked = masked_frame(frame, segments_of(frame, 2), byte_tables(cells))
    assert masked == rle(walked(high, (1 << (stored - 8)) - 1), b"\x80")
    assert (masked is frame) == (masked == frame)


@pytest.mark.parametrize(
    "frame",
    [
        rle(HIGH, LOW)[:60],
        rle(HIGH),
        rle(HIGH, LOW, LOW),
        rle(HIGH, LOW, first=66),
        rle(HIGH, LOW, unused=9),
        rle(HIGH, LOW, count=0),
        rle(HIGH, LOW)[:70],
        rle(HIGH, LOW, count=1 << 30),
    ],
)
def test_rle_headers_that_do_not_fit_are_refused(frame: bytes) -> None:
    with pytest.raises(Refusal, match="DE-PIXELS"):
        segments_of(frame, 2)
