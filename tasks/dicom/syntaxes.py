"""Transfer syntaxes by what their bytes are (PS3.5 annexes A and PS3.6 annex A), and what is done with each family."""

from dataclasses import dataclass
from enum import StrEnum

STANDARD_ROOT = "1.2.840.10008.1.2."  # all transfer syntaxes of the standard but Implicit VR Little Endian
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ENCAPSULATED_NATIVE = "1.2.840.10008.1.2.1.98"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"


class Family(StrEnum):
    """How pixel data are coded."""

    NATIVE = "native"
    ENCAPSULATED_NATIVE = "encapsulated native"
    RLE = "rle"
    JPEG = "jpeg"
    JPEG_LS = "jpeg-ls"
    JPEG_2000 = "jpeg 2000"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is laid out."""

    implicit: bool
    little: bool


_JPEG = tuple(f"1.2.840.10008.1.2.4.{process}" for process in (*range(50, 67), 70))
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{part}" for part in (90, 91, 92, 93, 201, 202, 203))
_FAMILIES = (
    dict.fromkeys((IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG), Family.NATIVE)
    | {ENCAPSULATED_NATIVE: Family.ENCAPSULATED_NATIVE, RLE: Family.RLE}
    | dict.fromkeys(_JPEG, Family.JPEG)
    | dict.fromkeys(_JPEG_LS, Family.JPEG_LS)
    | dict.fromkeys(_JPEG_2000, Family.JPEG_2000)
)


def family_of(transfer_syntax: str) -> Family:
    """Give the pixel family of a transfer syntax; `Family.OTHER` for video, JPEG XL, JPIP and what is unknown."""
    return _FAMILIES.get(transfer_syntax, Family.OTHER)


def encoding_of(transfer_syntax: str) -> Encoding:
    """Give the layout of the data set under a transfer syntax (PS3.5 section 10 and annex A)."""
    return Encoding(implicit=transfer_syntax == IMPLICIT_LITTLE, little=transfer_syntax != EXPLICIT_BIG)
