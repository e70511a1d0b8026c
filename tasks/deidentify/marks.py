"""What an object says about its own de-identification (PS3.15 section E.1.1)."""

import re
from typing import Final

from pydicom import DataElement, Dataset

from config.deid import Profile
from config.deid.profile import FULL_DATES, MODIFIED_DATES, MethodCode
from config.version import VERSION
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.codes import LOCAL
from tasks.deidentify.dummies import TEXT
from tasks.deidentify.values import text_of

IDENTITY_REMOVED: Final = 0x00120062
METHOD: Final = 0x00120063
METHOD_CODES: Final = 0x00120064
CONTRIBUTING_EQUIPMENT: Final = 0x0018A001
DATES_MODIFIED: Final = 0x00280303
MAKER: Final = "imaging-curation"
MODEL: Final = "curate"
_OUR_LINE = re.compile(rf"{MAKER} [0-9a-z.+]{{1,16}}, PS3\.15 [0-9]{{4}}[a-z], profile [0-9a-f]{{8}}")
_OUR_VERSION = re.compile(r"[0-9a-z.+]{1,16}")
EARLIER: Final = "earlier de-identification stated by the source"


def method_line(profile: Profile) -> str:
    """Give the value of De-identification Method that names this version and profile."""
    return f"{MAKER} {VERSION}, PS3.15 {profile.edition}, profile {profile.digest[:8]}"


def own_words(profile: Profile) -> str:
    """Give all that we write into every object; a subject who is named like one of these words is not found by it."""
    meanings = (code.meaning for code in (*profile.method, profile.equipment))
    return " ".join((method_line(profile), EARLIER, MAKER, MODEL, TEXT, *LOCAL.values(), *meanings))


def earlier_lines(dataset: Dataset) -> list[str]:
    """Give what stays of a source's De-identification Method: our own lines, and one word for all others."""
    written = (text_of(dataset, METHOD, "LO", ASCII) or "").split("\\")
    if METHOD not in dataset:
        return []
    ours = [line for line in written if _OUR_LINE.fullmatch(line) or line == EARLIER]
    return ours if len(ours) == len(written) else [EARLIER, *(line for line in ours if line != EARLIER)]


def earlier_versions(dataset: Dataset) -> list[str]:
    """Give the versions of ours that stand in a source's Contributing Equipment Sequence."""
    items = dataset[CONTRIBUTING_EQUIPMENT].value if CONTRIBUTING_EQUIPMENT in dataset else ()
    ours = [item for item in items or () if text_of(item, 0x00080070, "LO", ASCII) == MAKER]
    versions = (text_of(item, 0x00181020, "LO", ASCII) or "" for item in ours)
    return [version for version in versions if _OUR_VERSION.fullmatch(version)]


def _code_item(code: MethodCode) -> Dataset:
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    return item


def _equipment_item(profile: Profile, version: str) -> Dataset:
    item = Dataset()
    item.Manufacturer = MAKER
    item.ManufacturerModelName = MODEL
    item.SoftwareVersions = version
    item.PurposeOfReferenceCodeSequence = [_code_item(profile.equipment)]
    return item


def dates_state(options: frozenset[str]) -> str:
    """Give the value of Longitudinal Temporal Information Modified (PS3.3 section C.7.1.1)."""
    if FULL_DATES in options:
        return "UNMODIFIED"
    return "MODIFIED" if MODIFIED_DATES in options else "REMOVED"


def mark(dataset: Dataset, profile: Profile, *, lines: list[str], versions: list[str]) -> None:
    """Write the marks of this pass after those of earlier ones.

    The codes are exactly those of the options in force: what an earlier pass did is not known to be true of what
    stands here now. Burned In Annotation (0028,0301) is left alone, for no pixels were cleaned.

    Parameters
    ----------
    lines, versions
        What `earlier_lines` and `earlier_versions` gave for the source.
    """
    lines = list(dict.fromkeys((*lines, method_line(profile))))
    codes = [_code_item(code) for code in profile.method]
    equipment = [_equipment_item(profile, version) for version in dict.fromkeys((*versions, VERSION))]
    for tag, vr, value in (
        (IDENTITY_REMOVED, "CS", "YES"),
        (METHOD, "LO", lines if len(lines) > 1 else lines[0]),
        (METHOD_CODES, "SQ", codes),
        (CONTRIBUTING_EQUIPMENT, "SQ", equipment),
        (DATES_MODIFIED, "CS", dates_state(profile.options)),
    ):
        dataset[tag] = DataElement(tag, vr, value)
