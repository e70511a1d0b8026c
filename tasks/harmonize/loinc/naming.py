"""The names that LOINC could give an exam, from the most exact to wider ones; no name says more than the exam."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from config.vocab.loinc import ImagingCode, Region, codes_by_name, regions
from tasks.harmonize.loinc.reading import Reading
from tasks.harmonize.loinc.views import Views

_KEPT = frozenset({"spine", "heart"})  # a part of these is what is meant where both are said
_SUFFIX = {None: "", "W": " W contrast IV", "WO": " WO contrast", "WO & W": " WO and W contrast IV"}
_QUALIFIERS = {
    "screening": " for screening",
    "calcium": " for calcium scoring",
    "limited": " limited",
}
_GUIDANCE = {
    "biopsy": "Guidance for biopsy of",
    "drainage": "Guidance for drainage and placement of drainage catheter of",
    "aspiration": "Guidance for fluid aspiration of",
    "tube": "Guidance for placement of tube in",
}
_IMPLIED = {"pe": "W", "calcium": "WO", "screening": "WO", "stone": "WO"}  # the exam is defined so
_PULMONARY = frozenset({"chest", "lung", "pulmonary", "pulmonary_arteries"})
_WIDER = 0.05  # confidence lost with each thing that the name leaves out
_UNSAID = 0.1  # and with contrast that is implied


@dataclass(frozen=True, slots=True)
class Choice:
    """A code, and how much confidence its choice costs."""

    code: ImagingCode
    cost: float


def choose(reading: Reading, family: str) -> Choice | None:
    """Give the code of an exam, or null where no code says what it is."""
    named = codes_by_name()
    for name, cost in _names(reading, family):
        code = named.get(name.casefold())
        if code is not None:
            return Choice(code, cost)
    return None


def _names(reading: Reading, family: str) -> Iterator[tuple[str, float]]:
    if reading.guidance:
        yield from _of_guidance(reading, family)
    elif family == "CT":
        yield from _of_ct(reading)
    elif family == "MR":
        yield from _sections("MRA" if "angio" in reading.flags else "MR", reading)
    elif family == "XR":
        yield from _radiographs(reading)
    elif family == "US":
        yield from _ultrasound(reading)
    elif family == "MG":
        yield from _mammograms(reading)
    elif family == "NM":
        yield from _nuclear(reading)
    elif {"fdg", "whole_body"} <= reading.flags | reading.regions:
        yield "PET+CT Guidance for localization of tumor of Whole body-- W 18F-FDG IV", 0.0


def _of_ct(reading: Reading) -> Iterator[tuple[str, float]]:
    flags = reading.flags
    if "pe" in flags and reading.regions <= _PULMONARY:
        yield from _embolism(reading)
    elif "perfusion" in flags:
        yield from (
            (f"CT perfusion {name}{_SUFFIX[reading.contrast.value]}", cost) for name, cost in _named(reading, "CT")
        )
    else:
        yield from _sections("CTA" if "angio" in flags or "pe" in flags else "CT", reading)


def _embolism(reading: Reading) -> Iterator[tuple[str, float]]:
    if reading.contrast.value in (None, "W"):
        cost = 0.0 if reading.contrast.value else _UNSAID
        yield "CTA Pulmonary arteries for pulmonary embolus W contrast IV", cost
    arteries = replace(reading, regions=frozenset({"pulmonary_arteries"}))
    yield from _sections("CTA", arteries)


def _sections(method: str, reading: Reading) -> Iterator[tuple[str, float]]:
    """Give names of computed tomography and magnetic resonance, where contrast is always part of the name."""
    qualifiers = [text for flag, text in _QUALIFIERS.items() if flag in reading.flags]
    for name, cost in _named(reading, method):
        for contrast, dear in _timings(method, reading):
            for qualifier in qualifiers:
                yield f"{method} {name}{qualifier}{_SUFFIX[contrast]}", cost + dear
            yield f"{method} {name}{_SUFFIX[contrast]}", cost + dear + _WIDER * len(qualifiers)
            if method == "CTA":
                yield f"CT {name}{_SUFFIX[contrast]}", cost + dear + _WIDER


def _timings(method: str, reading: Reading) -> Iterator[tuple[str | None, float]]:
    """Give the contrast that was said, else what the exam implies; vessels are not seen without."""
    said = reading.contrast.value
    implied = next((value for flag, value in _IMPLIED.items() if flag in reading.flags), None)
    if said or not implied or reading.contrast.is_unclear:
        yield said, 0.0
    if said is None and not reading.contrast.is_unclear:
        if implied:
            yield implied, _UNSAID
        elif method == "CTA":
            yield "W", _UNSAID


def _radiographs(reading: Reading) -> Iterator[tuple[str, float]]:
    is_portable = "portable" in reading.flags
    prefixes = [("Portable XR", 0.0)] if is_portable else []
    prefixes.append(("XR", _WIDER * is_portable))
    if "surgery" in reading.flags:
        return
    for prefix, dear in prefixes:
        for name, cost in _named(reading, "XR"):
            for at, views in enumerate(_views(reading.views, is_portable=prefix != "XR")):
                yield f"{prefix} {name} {views}", cost + dear + _WIDER * min(at, 1)


def _views(views: Views, *, is_portable: bool) -> Iterator[str]:
    """Give the words for views, the most exact first."""
    yield from _named_views(views, is_portable=is_portable)
    front = views.names & _FRONTAL
    if views.most is None:
        yield f"GE {views.fewest} Views"
    elif views.fewest:
        yield from _counted(views, is_front=front == views.names, is_portable=is_portable)
    elif views.names and front == views.names:
        yield "Single view"
    elif views.names == {"frontal", "lateral"}:
        yield "2 Views"
    yield "Views"


def _counted(views: Views, *, is_front: bool, is_portable: bool) -> Iterator[str]:
    directions = len(views.names - _FRONTAL) + bool(views.names & _FRONTAL)
    if views.fewest != views.most:
        yield f"{views.fewest} or {views.most} Views"
    elif views.fewest > 1:
        yield f"{views.fewest} Views"
    elif directions <= 1:  # else the one view is of another region than the others
        if is_portable and is_front:
            yield "AP single view"  # a portable radiograph is taken from the front; LOINC has no wider name
        yield "Single view"


def _named_views(views: Views, *, is_portable: bool) -> Iterator[str]:
    names, count = tuple(sorted(views.names)), (views.fewest, views.most)
    if names == ("AP",) and count == _NO_NUMBER and is_portable:
        yield "Views AP"
    if count == _NO_NUMBER or (count == (len(names), len(names))):
        yield from (words for known, words in _NAMED if known == names)


_FRONTAL = frozenset({"AP", "PA", "frontal"})
_NO_NUMBER = (0, 0)
_NAMED = (  # names of views in order, and what LOINC calls them
    (("AP",), "AP"),
    (("lateral",), "Lateral"),
    (("AP", "lateral"), "AP and Lateral"),
    (("PA", "lateral"), "PA and Lateral"),
    (("PA", "frontal", "lateral"), "PA and Lateral"),
    (("supine", "upright"), "Supine and Upright"),
    (("expiration", "inspiration"), "Views W inspiration and expiration"),
    (("upright",), "Upright"),
)


def _ultrasound(reading: Reading) -> Iterator[tuple[str, float]]:
    methods = ["US.doppler", "US"] if "doppler" in reading.flags else ["US"]
    said = [flag for flag in ("transthoracic", "transesophageal", "transvaginal", "limited") if flag in reading.flags]
    for at, method in enumerate(methods):
        for name, cost in _named(reading, method):
            for flag in said:
                yield f"{method} {name} {flag}", cost + _WIDER * at
            if not {"transesophageal", "transvaginal"} & set(said):
                yield f"{method} {name}", cost + _WIDER * (at + len(said))


def _mammograms(reading: Reading) -> Iterator[tuple[str, float]]:
    kinds = [kind for kind in ("screening", "diagnostic") if kind in reading.flags]
    for name, cost in _named(replace(reading, regions=frozenset({"breast"})), "MG"):
        yield from ((f"MG {name} {kind}", cost) for kind in kinds)
        if not kinds:
            yield f"MG {name} Views", cost


def _nuclear(reading: Reading) -> Iterator[tuple[str, float]]:
    kind = "Perfusion" if "perfusion" in reading.flags else "Views"
    if "ventilation_perfusion" in reading.flags:
        kind = "Ventilation and Perfusion"
    yield from ((f"NM {name} {kind}", cost) for name, cost in _named(reading, "NM"))


def _of_guidance(reading: Reading, family: str) -> Iterator[tuple[str, float]]:
    kinds = reading.guidance & _GUIDANCE.keys()
    if len(kinds) != 1:
        return
    (kind,) = kinds
    suffix = f"--{_SUFFIX[reading.contrast.value]}" if reading.contrast.value else ""
    for name, cost in _named(reading, family):
        yield f"{family} {_GUIDANCE[kind]} {name}{suffix}", cost


def _named(reading: Reading, method: str) -> Iterator[tuple[str, float]]:
    """Give the names of the regions, with their side first, then the names of wider regions."""
    cost, left = 0.0, reading.regions
    side = next(iter(reading.sides)) if len(reading.sides) == 1 else "bilateral" if len(reading.sides) > 1 else ""
    while left:
        for name in _region_names(left, method):
            if "{side}" in name:
                yield name.format(side=f" - {side}" if side else ""), cost
            else:
                yield from ([(f"{name} - {side}", cost)] if side else [])
                yield name, cost + _WIDER * bool(side)
        wider = _widened(left)
        left, cost = (frozenset(), cost) if wider == left else (wider, cost + _WIDER)


def _region_names(said: frozenset[str], method: str) -> tuple[str, ...]:
    rows = _rows(method)
    return rows.get(said) or rows.get(_reduced(said, is_vessels=method in ("CTA", "MRA")), ())


@cache
def _rows(method: str) -> dict[frozenset[str], tuple[str, ...]]:
    names: dict[frozenset[str], tuple[str, ...]] = {}
    for row in regions():
        if method in row.methods:
            names[row.regions] = (*names.get(row.regions, ()), row.name)
    return names


@cache
def _parents() -> dict[str, str]:
    return {next(iter(row.regions)): row.parent for row in regions() if _has_parent(row)}


def _has_parent(row: Region) -> bool:
    return len(row.regions) == 1 and bool(row.parent)


def _reduced(said: frozenset[str], *, is_vessels: bool) -> frozenset[str]:
    """Leave one of a region and a part of it: the part where vessels are meant or the region is of `_KEPT`."""
    parents = _parents()
    pairs = [(part, parents[part]) for part in said if parents.get(part) in said]
    return said - {whole if is_vessels or whole in _KEPT else part for part, whole in pairs}


def _widened(said: frozenset[str]) -> frozenset[str]:
    parents = _parents()
    return frozenset(parents.get(region, region) for region in said)
