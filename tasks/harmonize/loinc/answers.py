"""The code of a study, with what it rests on and how sure it is; no answer is better than a wrong one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from config.vocab.loinc import FAMILIES, ImagingCode, imaging_codes, region_of_body_part
from tasks.harmonize.loinc.contrast import Contrast
from tasks.harmonize.loinc.known import known_codes
from tasks.harmonize.loinc.naming import choose
from tasks.harmonize.loinc.reading import CONTRASTED, Reading, read
from tasks.harmonize.loinc.text import words_of
from tasks.harmonize.loinc.views import Views

EXACT_TABLE, RULE, UNMAPPED = "exact_table", "rule", "unmapped"
_LOINC_SCHEME = "LN "
_BESIDE = frozenset({"SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "OT", "SC", "DOC"})
_ALSO_SAID = {"CT": {"PT"}, "PT": {"CT"}, "NM": {"CT", "PT"}, "RF": {"XR"}, "MG": {"XR", "US"}, "XR": {"RF"}}
_CERTAIN, _BY_WORDS = 1.0, 0.95
_BY_CODE = 0.95
_NOT_SPELT, _NOT_KNOWN, _NOT_SAID = 0.1, 0.02, 0.25  # confidence lost by word, by word, and by what headers say instead
_MOST_UNKNOWN = 0.1
_LEAST = 0.5
_UNCOUNTED = (
    {"PA"},
    {"frontal"},
)  # LOINC has no code for one of these but "single view", and how many there are is not known


@dataclass(frozen=True, slots=True)
class Exam:
    """What is known of a study: modalities, description or null, and what all its headers agree on.

    `body_part` is a defined term, `contrast` of `config.vocab.terms.LOINC_CONTRAST`, `views` are names of
    `tasks.harmonize.loinc.views`, and `procedure_codes` have the form ``<scheme> <value>``.
    """

    modalities: frozenset[str]
    description: str | None = None
    body_part: str | None = None
    contrast: str | None = None
    views: frozenset[str] = frozenset()
    procedure_codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """A code or null, `basis` of `config.vocab.terms.LOINC_BASIS`, `confidence` from 0 to 1 or null.

    `is_contradicted` tells that a code was known and is not given, since it contradicts the description.
    """

    code: ImagingCode | None = None
    basis: str = UNMAPPED
    confidence: float | None = None
    is_contradicted: bool = False


def answer(exam: Exam) -> Answer:
    """Give the code of a study: of a known description, by a code of the procedure, by words, by headers, or none."""
    family, reading = _read(exam)
    if not family:
        return Answer()
    known = known_codes().get((family, words_of(exam.description or "")))
    if known is not None and (exam.description or not exam.body_part):
        return _known(known, reading)
    return _sent(exam.procedure_codes, reading, family) or ruled(exam)


def ruled(exam: Exam) -> Answer:
    """Give the code of a study by words, or by headers where there are none, as if no description was known."""
    family, reading = _read(exam)
    if not family:
        return Answer()
    return _by_words(reading, exam, family) if exam.description else _by_headers(exam, family)


def _read(exam: Exam) -> tuple[str, Reading]:
    """Give the family and what the description says in it; PET is told by its first word where only CT was sent."""
    family, description = family_of(exam.modalities) or "", exam.description or ""
    reading = read(description, family)
    if family == "CT" and reading.first_method == "PT":
        return "PT", read(description, "PT")
    return family, reading


def family_of(modalities: Iterable[str]) -> str | None:
    """Give the one family of a study's modalities, leaving out what is made from images; PET goes with its CT."""
    families = {FAMILIES.get(modality, modality) for modality in modalities if modality not in _BESIDE}
    if families == {"CT", "PT"}:
        return "PT"
    if len(families) != 1:
        return None
    (family,) = families
    return family if family in FAMILIES.values() else None


def contradicts(reading: Reading, code: ImagingCode) -> bool:
    """Tell whether a description says the contrary of a code (L-LOINC-CONSISTENT): contrast or side."""
    said = reading.contrast.value
    if said and code.contrast and said != code.contrast:
        return True
    sides = reading.sides & {"left", "right"}
    return bool(sides and code.laterality in ("left", "right") and code.laterality not in sides)


def _known(code: str, reading: Reading) -> Answer:
    found = imaging_codes().get(code)
    if found is None:
        return Answer()
    if contradicts(reading, found):
        return Answer(is_contradicted=True)
    return Answer(found, EXACT_TABLE, _CERTAIN)


def _sent(codes: frozenset[str], reading: Reading, family: str) -> Answer | None:
    """Take the one LOINC code that headers state where it is of this kind of imaging and nothing contradicts it."""
    stated = {code.removeprefix(_LOINC_SCHEME) for code in codes if code.startswith(_LOINC_SCHEME)}
    found = imaging_codes().get(next(iter(stated))) if len(stated) == 1 else None
    if found is None or not found.is_active or not found.method.startswith(family) or contradicts(reading, found):
        return None
    return Answer(found, RULE, _BY_CODE)


def _by_words(reading: Reading, exam: Exam, family: str) -> Answer:
    if reading.is_refused or reading.methods - {family} - _ALSO_SAID.get(family, set()):
        return Answer()
    cost = _NOT_SPELT * reading.guesses + min(_NOT_KNOWN * reading.unknown, _MOST_UNKNOWN)
    if not reading.regions and exam.body_part and not ({"pe"} & reading.flags):
        reading = replace(reading, regions=_regions_of(exam.body_part))
        cost += _NOT_SAID
    return _chosen(reading, family, cost)


def _by_headers(exam: Exam, family: str) -> Answer:
    """Give what headers say where there is no description."""
    views = Views(names=exam.views) if family == "XR" and exam.views not in _UNCOUNTED else Views()
    contrast = Contrast(exam.contrast if family in CONTRASTED else None)
    regions = _regions_of(exam.body_part or "")
    reading = replace(read("", family), regions=regions, contrast=contrast, views=views)
    return _chosen(reading, family, _NOT_SAID)


def _chosen(reading: Reading, family: str, cost: float) -> Answer:
    choice = choose(reading, family)
    if choice is None:
        return Answer()
    confidence = round(_BY_WORDS - cost - choice.cost, 2)
    return Answer(choice.code, RULE, confidence) if confidence >= _LEAST else Answer()


def _regions_of(body_part: str) -> frozenset[str]:
    return frozenset(region_of_body_part().get(body_part, ()))
