"""Comments and application data go, entropy-coded data stay byte for byte, and the pixels decode the same."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import get_frame

from config.settings import ObjectLimits
from tasks.dicom.codestreams import clean_code_stream
from tasks.dicom.pixels import clean_pixel_carriers
from tasks.dicom.reading import read_dataset
from tasks.dicom.refusal import Refusal
from tasks.dicom.syntaxes import Family, family_of
from tasks.dicom.writing import write_dataset

LIMITS = ObjectLimits()
Real = Callable[[str], bytes]
CANARY = b"ZZCANARY^Ann"
JPEGS = ["SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_small_odd_jpeg.dcm", "JPGExtended.dcm", "examples_ybr_color.dcm"]
JPEG_LS = ["MR_small_jpeg_ls_lossless.dcm", "emri_small_jpeg_ls_lossless.dcm"]
JPEG_2000 = ["MR_small_jp2klossless.dcm", "JPEG2000.dcm", "693_J2KI.dcm", "emri_small_jpeg_2k_lossless.dcm"]


def segment(marker: int, content: bytes = CANARY) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def first_frame(content: bytes) -> bytes:
    dataset = read_dataset(content, LIMITS)
    return get_frame(dataset.PixelData, 0, number_of_frames=int(dataset.get("NumberOfFrames", 1)))


def with_first_frame(content: bytes, frame: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Put a changed code stream in the place of a one-frame file's own; lengths of the fragment are corrected."""
    changed = change(frame.rstrip(b"\0"))
    changed += b"\0" * (len(changed) % 2)
    old, new = struct.pack("<HHL", 0xFFFE, 0xE000, len(frame)), struct.pack("<HHL", 0xFFFE, 0xE000, len(changed))
    return content.replace(old + frame, new + changed)


def jpeg_with(*segments: bytes, tail: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda stream: stream[:2] + b"".join(segments) + stream[2:] + tail


APPLICATION = [
    segment(0xE1),
    segment(0xEC),
    segment(0xEE),
    segment(0xE0),
    segment(0xE0, b"JFXX\0" + CANARY),
    segment(0xFE),
]


@pytest.mark.parametrize("name", [*JPEGS[:3], *JPEG_LS[:1]])
def test_jpeg_comments_and_application_data_go_and_pixels_stay(
    real: Real, decoded: Callable[[bytes], Any], name: str
) -> None:
    content = real(name)
    frame = first_frame(content)
    marked = with_first_frame(content, frame, jpeg_with(*APPLICATION, tail=CANARY))
    assert marked.count(CANARY) == 7
    dataset = read_dataset(marked, LIMITS)
    clean_pixel_carriers(dataset)
    cleaned = write_dataset(dataset)
    assert cleaned.count(CANARY) == 0
    assert np.array_equal(decoded(cleaned), decoded(content))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\1" + CANARY), segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0")),
        (segment(0xE0, b"JFIF\0\1"), b""),
        (segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + CANARY), segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")),
        (segment(0xEE, b"Adobe"), b""),
        (segment(0xE8, b"mrfx\1" + CANARY), segment(0xE8, b"mrfx\1")),
        (segment(0xE8, b"SPIFF\0" + CANARY), b""),
        (b"\xff\xff" + segment(0xFE), b""),
    ],
)
def test_what_decides_about_colours_is_kept_in_its_shortest_form(real: Real, given: bytes, kept: bytes) -> None:
    bare = clean_code_stream(
        first_frame(real("SC_rgb_small_odd_jpeg.dcm")).replace(segment(0xE0), b""), Family.JPEG
    ).stream
    found = clean_code_stream(bytes(bare[:2]) + given + bytes(bare[2:]), Family.JPEG).stream
    assert found == bytes(bare[:2]) + kept + bytes(bare[2:])


def test_a_clean_jpeg_stays_as_it_is_but_for_its_padding(real: Real) -> None:
    frame = first_frame(real("SC_rgb_small_odd_jpeg.dcm"))
    once = clean_code_stream(frame, Family.JPEG)
    assert clean_code_stream(once.stream, Family.JPEG) == once
    assert (once.rows, once.columns, once.samples) == (3, 3, 3)


SOF = segment(0xC0, b"\x08\x00\x01\x00\x01\x01\x01\x11\x00")
SOS = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")


@pytest.mark.parametrize(
    ("stream", "rule"),
    [
        (b"", "DE-PIXELS"),
        (b"\xff\xd8", "DE-PIXELS"),
        (b"\xff\xd8\xff", "DE-PIXELS"),
        (b"\xff\xd8\xff\xff", "DE-PIXELS"),
        (b"\xff\xd8\x00\x00", "DE-PIXELS"),
        (b"\xff\xd8\xff\xfe\x00", "DE-PIXELS"),
        (b"\xff\xd8\xff\xfe\x00\x01", "DE-PIXELS"),
        (b"\xff\xd8\xff\xfe\x00\x09ab", "DE-PIXELS"),
        (b"\xff\xd8\xff\xd9", "DE-PIXELS"),
        (b"\xff\xd8" + segment(0xC0, b"\x08\0\1\0") + b"\xff\xd9", "DE-PIXELS"),
        (b"\xff\xd8" + SOF + SOS + b"\x01\x02\xff\x00\x03", "DE-PIXELS"),
        (b"\xff\xd8" + SOF + segment(0xF0) + b"\xff\xd9", "DE-CODESTREAM"),
        (b"\xff\xd8" + SOF + segment(0x02) + b"\xff\xd9", "DE-CODESTREAM"),
        (b"no JPEG at all", "DE-PIXELS"),
    ],
)
def test_jpeg_streams_that_do_not_parse_are_refused(stream: bytes, rule: str) -> None:
    with pytest.raises(Refusal, match=rule):
        clean_code_stream(stream, Family.JPEG)


def test_scans_are_copied_with_their_restart_markers() -> None:
    scan = b"\x01\xff\x00\x02\xff\xd0\x03\xff\x00"
    second = segment(0xC4, b"table") + SOS + b"\x04\x05"
    stream = b"\xff\xd8" + SOF + SOS + scan + segment(0xFE) + second + b"\xff\xd9"
    assert clean_code_stream(stream, Family.JPEG).stream == stream.replace(segment(0xFE), b"")


def test_in_jpeg_ls_a_low_byte_after_ff_is_data() -> None:
    scan = b"\x01\xff\x7f\x02\xff\x41"
    stream = b"\xff\xd8" + segment(0xF7, SOF[4:]) + segment(0xF8, b"\1") + SOS + scan + b"\xff\xd9"
    assert clean_code_stream(stream, Family.JPEG_LS).stream == stream
    with pytest.raises(Refusal):
        clean_code_stream(stream, Family.JPEG)


# JPEG 2000 ------------------------------------------------------------------------------------------------------------

COM = b"\xff\x64" + struct.pack(">HH", 4 + len(CANARY), 1) + CANARY


def tile_parts(stream: bytes) -> list[tuple[int, int]]:
    """Offset and length of each tile-part."""
    found, position = [], stream.find(b"\xff\x90\x00\x0a")
    while stream[position : position + 2] == b"\xff\x90":
        length = struct.unpack_from(">L", stream, position + 6)[0] or len(stream) - 2 - position
        found.append((position, length))
        position += length
    return found


def marked_j2k(stream: bytes, *, tlm: str = "", states_length: bool = True) -> bytes:
    """Put a comment into the main header and into every tile-part header; lengths and TLM fit what is there then."""
    parts, main = tile_parts(stream), stream[: stream.find(b"\xff\x90\x00\x0a")]
    bodies = []
    for position, length in parts:
        part = bytearray(stream[position : position + 12] + COM + stream[position + 12 : position + length])
        part[6:10] = struct.pack(">L", len(part) if states_length else 0)
        bodies.append(bytes(part))
    table = b""
    if tlm:
        entries = b"".join(
            struct.pack(tlm, *((i, len(b)) if len(tlm) == 3 else (len(b),))) for i, b in enumerate(bodies)
        )
        form = {">L": 0x40, ">H": 0x00, ">BL": 0x50, ">HL": 0x60}[tlm]
        table = struct.pack(">HHBB", 0xFF55, 4 + len(entries), 0, form) + entries
    return main + table + COM + b"".join(bodies) + b"\xff\xd9"


@pytest.mark.parametrize("name", JPEG_2000[:3])
@pytest.mark.parametrize("tlm", ["", ">L", ">BL", ">HL"])
def test_comments_go_from_main_and_tile_part_headers(
    real: Real, decoded: Callable[[bytes], Any], name: str, tlm: str
) -> None:
    content = real(name)
    frame = first_frame(content)
    marked = with_first_frame(content, frame, lambda stream: marked_j2k(stream, tlm=tlm) + CANARY)
    assert marked.count(CANARY) >= 3
    dataset = read_dataset(marked, LIMITS)
    clean_pixel_carriers(dataset)
    cleaned = write_dataset(dataset)
    assert CANARY not in cleaned
    assert np.array_equal(decoded(cleaned), decoded(content))


def test_lengths_of_tile_parts_are_what_they_were_before_the_comments(real: Real) -> None:
    clean = clean_code_stream(first_frame(real("MR_small_jp2klossless.dcm")), Family.JPEG_2000).stream
    for tlm in ("", ">L", ">H", ">BL"):
        found = clean_code_stream(marked_j2k(clean, tlm=tlm), Family.JPEG_2000).stream
        size = tile_parts(clean)[0][1]
        if tlm:
            at = found.find(b"\xff\x55")
            assert struct.unpack_from(tlm, found, at + 6)[-1] == size
            found = found[:at] + found[at + 2 + struct.unpack_from(">H", found, at + 2)[0] :]
        assert found == clean


def test_a_last_tile_part_without_length_reaches_to_the_end(real: Real) -> None:
    clean = clean_code_stream(first_frame(real("MR_small_jp2klossless.dcm")), Family.JPEG_2000)
    open_ended = marked_j2k(clean.stream, states_length=False)
    found = clean_code_stream(open_ended + b"\0", Family.JPEG_2000).stream
    assert found == clean.stream.replace(clean.stream[tile_parts(clean.stream)[0][0] :][6:10], bytes(4), 1)
    with pytest.raises(Refusal, match="DE-PIXELS"):
        clean_code_stream(open_ended + CANARY, Family.JPEG_2000)


def box(kind: bytes, content: bytes, *, form: str = "short") -> bytes:
    if form == "open":
        return struct.pack(">L4s", 0, kind) + content
    if form == "long":
        return struct.pack(">L4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">L4s", 8 + len(content), kind) + content


SIGNATURE = box(b"jP  ", b"\r\n\x87\n")


@pytest.mark.parametrize("form", ["short", "long", "open"])
def test_a_code_stream_in_jp2_boxes_is_taken_out_of_them(real: Real, form: str) -> None:
    clean = clean_code_stream(first_frame(real("MR_small_jp2klossless.dcm")), Family.JPEG_2000)
    boxes = SIGNATURE + box(b"ftyp", b"jp2 ") + box(b"jp2h", b"") + box(b"uuid", CANARY) + box(b"xml ", CANARY)
    assert clean_code_stream(boxes + box(b"jp2c", clean.stream, form=form), Family.JPEG_2000) == clean


@pytest.mark.parametrize(
    ("boxes", "rule"),
    [
        (SIGNATURE, "DE-PIXELS"),
        (SIGNATURE + struct.pack(">L4s", 900, b"xml "), "DE-PIXELS"),
        (SIGNATURE + struct.pack(">L4s", 4, b"xml "), "DE-PIXELS"),
        (SIGNATURE + box(b"jp2h", box(b"pclr", b"abc")), "DE-CODESTREAM"),
        (SIGNATURE + box(b"jp2c", b"no stream"), "DE-PIXELS"),
    ],
)
def test_jp2_boxes_that_do_not_parse_are_refused(boxes: bytes, rule: str) -> None:
    with pytest.raises(Refusal, match=rule):
        clean_code_stream(boxes, Family.JPEG_2000)


def test_every_cut_of_a_code_stream_is_refused(real: Real) -> None:
    for name, family in (("MR_small_jp2klossless.dcm", Family.JPEG_2000), ("SC_rgb_small_odd_jpeg.dcm", Family.JPEG)):
        stream = clean_code_stream(first_frame(real(name)), family).stream
        for cut in [*range(400), *range(400, len(stream), 131)]:
            if cut < len(stream):
                with pytest.raises(Refusal):
                    clean_code_stream(stream[:cut], family)


@pytest.mark.parametrize(
    "change",
    [
        lambda stream, at: stream[:at] + b"\xff\x91" + stream[at + 2 :],
        lambda stream, at: stream[: at + 6] + struct.pack(">L", 14) + stream[at + 10 :],
        lambda stream, at: stream[: at + 6] + struct.pack(">L", 1 << 30) + stream[at + 10 :],
        lambda stream, at: stream[: at + 12] + b"\x12\x34\x00\x02" + stream[at + 12 :],
        lambda stream, at: stream[: at + 12] + b"\xff\x52\x00\x01" + stream[at + 12 :],
    ],
)
def test_broken_tile_parts_are_refused(real: Real, change: Callable[[bytes, int], bytes]) -> None:
    stream = clean_code_stream(first_frame(real("MR_small_jp2klossless.dcm")), Family.JPEG_2000).stream
    with pytest.raises(Refusal, match="DE-PIXELS"):
        clean_code_stream(change(stream, tile_parts(stream)[0][0]), Family.JPEG_2000)


@pytest.mark.parametrize("entries", [b"", b"\0\0\1\0" * 2, b"\0\0\1"])
def test_a_tlm_that_does_not_fit_the_tile_parts_is_refused(real: Real, entries: bytes) -> None:
    stream = marked_j2k(clean_code_stream(first_frame(real("MR_small_jp2klossless.dcm")), Family.JPEG_2000).stream)
    at = stream.find(COM)
    table = struct.pack(">HHBB", 0xFF55, 4 + len(entries), 0, 0x40) + entries
    with pytest.raises(Refusal, match="DE-PIXELS"):
        clean_code_stream(stream[:at] + table + stream[at:], Family.JPEG_2000)


def test_pixels_of_every_real_compressed_file_are_equal_before_and_after(
    real: Real, decoded: Callable[[bytes], Any], small_file: str
) -> None:
    content = real(small_file)
    try:
        dataset = read_dataset(content, LIMITS)
        clean_pixel_carriers(dataset)
    except Refusal:
        return
    if family_of(dataset.file_meta.TransferSyntaxUID) is Family.NATIVE or "PixelData" not in dataset:
        return
    before = decoded(content)
    if before is None:
        assert small_file == "JPEG-lossy.dcm"  # 12 bits: beyond the decoder
        return
    assert np.array_equal(before, decoded(write_dataset(dataset)))
