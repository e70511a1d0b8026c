"""UIDs replaced by value: every one but those that the standard itself registers."""

from collections.abc import Callable

from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_keyword

_OWN = (0x00080018, 0x0020000D, 0x0020000E)  # an object's own UIDs are replaced, whatever they are
_VOCABULARIES = frozenset(  # HL7 OIDs of the coding schemes that images use (PS3.16 table 8-1)
    {
        "2.16.840.1.113883.6.1",  # LOINC
        "2.16.840.1.113883.6.3",  # ICD-10
        "2.16.840.1.113883.6.8",  # UCUM
        "2.16.840.1.113883.6.96",  # SNOMED CT
        "2.16.840.1.113883.6.256",  # RadLex
    }
)
DICOM_ROOT = "1.2.840.10008."
# In these a UID of the standard's root stands for a class or a vocabulary, also one newer than the pinned dictionary.
_NAMES_OF_CLASSES = ("ClassUID", "ClassesInStudy", "SyntaxUID", "ContextUID", "MappingResourceUID", "CodingSchemeUID")


def is_registered(uid: str, tag: int) -> bool:
    """Tell whether a UID names a thing of the standard (a class, a syntax, a frame, a vocabulary), not of a person.

    A root alone proves nothing: instance UIDs made by appending to a class's UID are met in practice.

    Parameters
    ----------
    uid
        The value without padding.
    tag
        Where it stands.
    """
    if tag in _OWN:
        return False
    if uid in UID_dictionary or uid in _VOCABULARIES:
        return True
    return uid.startswith(DICOM_ROOT) and _keyword(tag).endswith(_NAMES_OF_CLASSES)


def _keyword(tag: int) -> str:
    try:
        return dictionary_keyword(tag)
    except KeyError:
        return ""


def replaced_uids(values: list[str], tag: int, new_uid: Callable[[str], str]) -> list[str]:
    """Replace each value of a UI element that is not registered; empty values stay empty, invalid ones are replaced.

    Parameters
    ----------
    new_uid
        Gives the UID that replaces one, always the same for the same.
    """
    stripped = (value.strip(" \0") for value in values)
    return [value if not value or is_registered(value, tag) else new_uid(value) for value in stripped]
