"""Text in the character set that a data set or item declares (PS3.3 section C.12.1.1.2)."""

from collections.abc import Sequence
from typing import Final

from pydicom.charset import decode_bytes, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

ASCII: Final = ("iso8859",)  # what holds where nothing is declared: its repertoire is ASCII, which is checked
_ESCAPE = b"\x1b"
_CHINESE = b"\x1b$)A"  # ISO-IR 58 in G1, which pydicom does not take out of what it decodes
_CHINESE_CODEC = "iso_ir_58"
_TO_ASCII = b"\x1b(B"
_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"


def known_terms(terms: Sequence[str]) -> bool:
    """Tell whether every value of Specific Character Set is a defined term."""
    return all(term in python_encoding for term in terms)


def codecs_of(terms: Sequence[str]) -> tuple[str, ...]:
    """Give the codecs of the terms of Specific Character Set; unknown terms stand for plain ASCII."""
    if not terms or not known_terms(terms):
        return ASCII
    return tuple(dict.fromkeys(python_encoding[term] for term in terms))


def decoded(value: bytes, codecs: tuple[str, ...]) -> str | None:
    """Give the text of a value, or null if it is not text in these codecs.

    Code extensions are read by pydicom, which warns of what it cannot read: see `tasks.dicom.silence`.
    """
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    if codecs == ASCII or (codecs[0] in ASCII and not value.split(_ESCAPE)[0].isascii()):
        return None
    try:
        if _CHINESE in value and _CHINESE_CODEC in codecs:
            return value.replace(_CHINESE, b"").replace(_TO_ASCII, b"").decode("gb2312")
        text = value.decode(codecs[0]) if len(codecs) == 1 else decode_bytes(value, list(codecs), TEXT_VR_DELIMS)
    except (LookupError, UnicodeError):
        return None
    return None if _UNDECODABLE in text or "\x1b" in text else text
