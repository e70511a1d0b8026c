"""Text in the character set that a data set or item declares (PS3.3 section C.12.1.1.2)."""

from collections.abc import Sequence
from typing import Final

from pydicom.charset import decode_bytes, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

ASCII: Final = ("iso8859",)  # what holds where nothing is declared: its repertoire is ASCII, which is checked
_ESCAPE = 0x1B
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
    """Give the text of a value, or null if it is not text in these codecs."""
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    if codecs == ASCII:
        return None
    try:
        text = decode_bytes(value, list(codecs), TEXT_VR_DELIMS)
    except (LookupError, UnicodeError):
        return None
    return None if _UNDECODABLE in text or "\x1b" in text else text
