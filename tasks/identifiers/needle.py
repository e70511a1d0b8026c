"""A needle: what must not be found of a subject. Needles are personal data and are never logged or stored open."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a needle is; stands in findings instead of the needle."""

    NAME = "name"
    IDENTIFIER = "identifier"
    CONTACT = "contact"
    UID = "uid"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Needle:
    """A text in small letters; where it touches one of `neighbours`, it is a part of something else."""

    kind: Kind
    text: str
    neighbours: str = ""
