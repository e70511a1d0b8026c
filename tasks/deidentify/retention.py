"""What de-identification kept and what it destroyed, in shares, beside what it found left: counts only, no value."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa
from pydicom.datadict import dictionary_description, dictionary_keyword

from tasks.deidentify.actions import Action
from tasks.deidentify.conformance import Conformance
from tasks.deidentify.instance import RESIDUAL
from tasks.deidentify.screening import NOT_NEEDED
from tasks.model import Status

KEPT: Final = "kept"
CHANGED: Final = "changed"
REPLACED: Final = "replaced"
EMPTIED: Final = "emptied"
REMOVED: Final = "removed"
FATES: Final = (KEPT, CHANGED, REPLACED, EMPTIED, REMOVED)
_FATE = {
    Action.KEEP: KEPT,
    Action.CLEAN: CHANGED,
    Action.NEW_UID: CHANGED,
    Action.DUMMY: REPLACED,
    Action.EMPTY: EMPTIED,
    Action.REMOVE: REMOVED,
}
MOST_ATTRIBUTES: Final = 200
_LAST = re.compile(r"\((\w{4}),(\w{4})\)$")
_REFERENCE_SEQUENCES = re.compile(r"(Referenced|Source).*Sequence|.*ReferenceSequence|DerivationImageSequence")


def retention(
    ledger: pa.Table, instances: pa.Table, findings: pa.Table, actions: pa.Table, conformance: Conformance
) -> dict[str, Any]:
    """Give the report of a settled batch.

    Parameters
    ----------
    ledger, instances, findings, actions
        The settled tables (`expectations.schemas.pipeline`).

    Returns
    -------
    dict
        ``objects`` by status; ``leakage``: objects searched, and held because something was left, by kind; then, over
        the objects that passed, ``elements``, ``private`` elements and ``references`` by what became of them, and
        ``pixels`` by what was done about text in them; ``attributes`` that lost the most, at most 200; and how many
        objects were ``checked`` for ``conformance``, with the number of series that have new errors.
    """
    fates = [(row["place"], _FATE[Action(row["action"])], row["count"]) for row in actions.to_pylist()]
    return {
        "objects": dict(sorted(Counter(ledger["status"].to_pylist()).items())),
        "leakage": _leakage(ledger, findings),
        "elements": _shares(Counter(_counted(fates))),
        "private": _shares(Counter(_counted([fate for fate in fates if is_private(fate[0])]))),
        "references": _shares(Counter(_counted([fate for fate in fates if is_reference(fate[0])]))),
        "pixels": _pixels(instances),
        "attributes": _attributes(fates),
        "conformance": asdict(conformance) | {"series": len(conformance.series)},
    }


def _counted(fates: Sequence[tuple[str, str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for _, fate, count in fates:
        counts[fate] += count
    return counts


def _shares(counts: Mapping[str, int]) -> dict[str, Any]:
    """Give the counts, and the share that still says something: kept as it was, or changed consistently."""
    total = sum(counts.values())
    found: dict[str, Any] = {fate: counts.get(fate, 0) for fate in FATES}
    return found | {"total": total, "retained": _share(found[KEPT] + found[CHANGED], total)}


def _share(part: int, total: int) -> float | None:
    return round(part / total, 6) if total else None


def _leakage(ledger: pa.Table, findings: pa.Table) -> dict[str, Any]:
    rules = Counter(ledger["rule_id"].to_pylist())
    statuses = Counter(ledger["status"].to_pylist())
    searched = statuses[Status.RELEASED_CANDIDATE.value] + rules[RESIDUAL]
    kinds = {row["place"]: row["count"] for row in findings.to_pylist() if row["rule_id"] == RESIDUAL}
    return {"searched": searched, "held": rules[RESIDUAL], "kinds": dict(sorted(kinds.items()))}


def _pixels(instances: pa.Table) -> dict[str, Any]:
    done = Counter(instances["deid_pixel"].to_pylist())
    with_pixels = sum(done.values()) - done[NOT_NEEDED]
    return {
        "instances": sum(done.values()),
        "with pixels": with_pixels,
        "unaltered": _share(with_pixels - done["redacted"], with_pixels),
        "treatment": dict(sorted(done.items())),
    }


def is_private(place: str) -> bool:
    """Tell whether a place ends at a private element."""
    found = _LAST.search(place)
    return bool(found and int(found[1], 16) % 2)


def is_reference(place: str) -> bool:
    """Tell whether a place ends at a sequence that refers to other objects."""
    found = _LAST.search(place)
    return bool(found and _REFERENCE_SEQUENCES.fullmatch(_named(found, dictionary_keyword)))


def _named(found: re.Match[str], name_of: Callable[[int], str]) -> str:
    try:
        return str(name_of(int(found[1] + found[2], 16)))
    except KeyError:
        return ""


def _attributes(fates: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    by_place: dict[str, Counter[str]] = {}
    for place, fate, count in fates:
        by_place.setdefault(place, Counter())[fate] += count
    lost = {place: sum(counts[fate] for fate in (REPLACED, EMPTIED, REMOVED)) for place, counts in by_place.items()}
    places = sorted((place for place in by_place if lost[place]), key=lambda place: (-lost[place], place))
    return [{"place": place, "name": _name(place), **_shares(by_place[place])} for place in places[:MOST_ATTRIBUTES]]


def _name(place: str) -> str:
    found = _LAST.search(place)
    return _named(found, dictionary_description) if found else ""


def retention_markdown(title: str, report: Mapping[str, Any]) -> str:
    """Give the report for people: leakage and retention side by side, then the attributes that lost the most."""
    leakage, pixels = report["leakage"], report["pixels"]
    lines = [
        f"# {title}",
        "",
        "| leakage | |",
        "|---|--:|",
        f"| objects searched for source values | {leakage['searched']} |",
        f"| held because one was left | {leakage['held']} |",
        *(f"| … {kind} | {count} |" for kind, count in leakage["kinds"].items()),
        "",
        "| retention | of | kept | changed | replaced | emptied | removed | retained |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(name, report[name]) for name in ("elements", "private", "references")),
        "",
        f"Pixels of {pixels['with pixels']} objects: {_percent(pixels['unaltered'])} unaltered.",
        "",
        _conformance(report["conformance"]),
        "",
        *_lost(report["attributes"]),
    ]
    return "\n".join(lines) + "\n"


def _conformance(found: Mapping[str, int]) -> str:
    checked, undecided = found["checked"], found["undecided"]
    if not checked + undecided:
        return "Conformance: no object was held beside its source (dciodvfy of dicom3tools)."
    return (
        f"Conformance: of {checked} objects held beside their sources by dciodvfy (one per series, {undecided} more "
        f"undecided), {found['series']} have an error that the source lacked; their series are held."
    )


def _row(name: str, shares: Mapping[str, Any]) -> str:
    cells = [name, shares["total"], *(shares[fate] for fate in FATES), _percent(shares["retained"])]
    return f"| {' | '.join(map(str, cells))} |"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _lost(attributes: Sequence[Mapping[str, Any]], most: int = 20) -> Iterator[str]:
    if not attributes:
        yield "No attribute lost anything."
        return
    yield "| attribute | place | kept | changed | replaced | emptied | removed |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for row in attributes[:most]:
        cells = [row["name"] or "private or unknown", row["place"], *(row[fate] for fate in FATES)]
        yield f"| {' | '.join(map(str, cells))} |"
