"""Strict reading through pydicom: what is not sound is refused before pydicom sees it, and pydicom says nothing."""

import zlib
from io import BytesIO

from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset as parse_dataset
from pydicom.uid import UID

from config.settings import ObjectLimits
from tasks.dicom.elements import dictionary_vr
from tasks.dicom.file_meta import guessed_transfer_syntax, read_file_meta
from tasks.dicom.refusal import Refusal
from tasks.dicom.silence import silenced
from tasks.dicom.structure import dataset_end
from tasks.dicom.swapping import swap_to_little
from tasks.dicom.syntaxes import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    STANDARD_ROOT,
    Encoding,
    Family,
    encoding_of,
    family_of,
)


def read_dataset(content: bytes, limits: ObjectLimits) -> FileDataset:
    """Give the data set of a DICOM object, complete and sound, in a little endian layout.

    Parameters
    ----------
    content
        A Part 10 file, or a bare data set in an uncompressed transfer syntax.
    limits
        Checked before anything is allocated.

    Returns
    -------
    FileDataset
        ``file_meta`` holds one element, the Transfer Syntax UID in which `tasks.dicom.writing.write_dataset` writes:
        that of the object, but Explicit VR Little Endian for deflated and big endian objects. No preamble. Values
        are as they came: not checked, not converted. Group lengths and bytes after the data set are gone.

    Raises
    ------
    Refusal
        DE-PARSE (truncated, broken or ambiguous structure, unknown transfer syntax), DE-LIMIT (a limit is passed), or
        DE-CODESTREAM (a transfer syntax whose pixel stream we cannot clean, such as video).
    """
    if len(content) > limits.max_bytes:
        raise Refusal("DE-LIMIT")
    meta = read_file_meta(content)
    syntax = meta.transfer_syntax or guessed_transfer_syntax(content, meta.dataset_start)
    _expect_readable(syntax)
    start = meta.dataset_start
    if syntax == DEFLATED_LITTLE:
        content, start = _inflated(content[start:], limits.max_bytes), 0
    encoding = _as_found(content, start, encoding_of(syntax))
    end = dataset_end(content, start, encoding, limits)
    with silenced():
        try:
            dataset = _parsed(content[:end], start, encoding)
        except Refusal:
            raise
        except Exception:  # noqa: BLE001 -- whatever pydicom meets, its text may hold values
            raise Refusal("DE-PARSE") from None
    if _frames(dataset) > limits.max_frames:
        raise Refusal("DE-LIMIT")
    dataset.file_meta.TransferSyntaxUID = UID(_written_as(syntax, encoding))
    return dataset


def _expect_readable(syntax: str) -> None:
    if family_of(syntax) is Family.OTHER:
        raise Refusal("DE-CODESTREAM" if syntax.startswith(STANDARD_ROOT) else "DE-PARSE")


def _inflated(packed: bytes, max_bytes: int) -> bytes:
    """Inflate a data set (PS3.5 section A.5), never to more than a limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(packed, max_bytes + 1)
    except zlib.error:
        raise Refusal("DE-PARSE") from None
    if len(content) > max_bytes:
        raise Refusal("DE-LIMIT")
    if not inflater.eof:
        raise Refusal("DE-PARSE")
    return content


def _as_found(content: bytes, start: int, stated: Encoding) -> Encoding:
    """Give the layout of the data set: its first element decides about explicit VR when the file meta is wrong."""
    if start == len(content):
        return stated
    guessed = guessed_transfer_syntax(content, start)
    if stated.little and guessed != EXPLICIT_BIG:
        return encoding_of(guessed)
    return stated


def _parsed(content: bytes, start: int, encoding: Encoding) -> FileDataset:
    buffer = BytesIO(content)
    buffer.seek(start)
    parsed = parse_dataset(buffer, encoding.implicit, encoding.little, len(content) - start)
    if buffer.tell() != len(content):
        raise Refusal("DE-PARSE")
    dataset = FileDataset("", parsed, None, FileMetaDataset(), encoding.implicit, encoding.little)
    dataset.set_original_encoding(encoding.implicit, encoding.little, parsed.original_character_set)
    _settle(dataset, encoding)
    if not encoding.little:
        swap_to_little(dataset)
    return dataset


def _settle(dataset: Dataset, encoding: Encoding) -> None:
    """Drop group lengths, parse every standard sequence, and give a VR to elements that came without one."""
    for tag in list(dataset.keys()):
        if tag.element == 0:
            del dataset[tag]
            continue
        element = dataset.get_item(tag)
        holds_items = "SQ" in (element.VR, dictionary_vr(tag))
        if holds_items or (element.VR is None and not encoding.implicit):
            element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _settle(item, Encoding(bool(item.original_encoding[0]), encoding.little))


def _written_as(syntax: str, encoding: Encoding) -> str:
    if family_of(syntax) is not Family.NATIVE:
        return syntax
    return IMPLICIT_LITTLE if encoding.implicit else EXPLICIT_LITTLE


def _frames(dataset: Dataset) -> int:
    """Give the stated number of frames, 1 if it is no number; `tasks.dicom.pixels` checks it against the data."""
    with silenced():
        try:
            return int(dataset.get("NumberOfFrames") or 1)
        except Exception:  # noqa: BLE001 -- a value that pydicom cannot convert, whatever it says about it
            return 1
