"""Many judged checks as few figures: what leaked, what was kept and what broke stand apart, never in one number."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from flows.scoring.answer_key import Answer, Check
from flows.scoring.checks import HIDING, RETAINING, Action, Result

PASSED: Final = "passed"
FAILED: Final = "failed"
BLANK: Final = "blank"
WEIGHTS: Final = {"hipaa": 70, "dicom": 20, "tcia": 10}
DISCREPANCY_HEADER: Final = (
    "check_passed", "check_score", "tag_ds", "tag_name", "file_value", "answer_value", "action", "action_text",
    "category", "subcategory", "modality", "class", "patient", "study", "series", "instance", "file_name",
)  # fmt: skip
UNKNOWN: Final = ("unknown", "unknown")
_FIXED: Final = {
    Action.DATE_SHIFTED: ("hipaa", "HIPAA-C"),
    Action.UID_CHANGED: ("hipaa", "HIPAA-R"),
    Action.PIXELS_HIDDEN: ("hipaa", "HIPAA-A"),
    Action.PATID_CONSISTENT: ("dicom", "DICOM-P15-BASIC-C"),
    Action.UID_CONSISTENT: ("dicom", "DICOM-P15-BASIC-U"),
    Action.PIXELS_RETAINED: ("tcia", "TCIA-P15-PIX-K"),
    Action.CANARY_ABSENT: ("own", "planted text"),
}
_LOOKED_UP: Final = {  # the first that the key gives
    Action.TAG_RETAINED: ("dicom.iod",),
    Action.TEXT_NOTNULL: ("dicom.iod",),
    Action.TEXT_REMOVED: ("hipaa.m", "hipaa.z", "tcia.p15", "tcia.ptkb", "tcia.rev"),
    Action.TEXT_RETAINED: ("tcia.p15", "tcia.ptkb", "tcia.rev"),
}


def category_of(check: Check) -> tuple[str, str]:
    """Give the category and subcategory under which a check counts."""
    if check.action in _FIXED:
        return _FIXED[Action(check.action)]
    names = _LOOKED_UP.get(Action(check.action), ()) if check.action in _LOOKED_UP else ()
    found = next((name for name in names if name in check.categories), None)
    return (found.partition(".")[0], check.categories[found]) if found else UNKNOWN


def verdict(result: Result) -> str:
    """Give the word under which a result is counted."""
    return BLANK if result.passed is None else PASSED if result.passed else FAILED


@dataclass(slots=True)
class Scores:
    """Counts of verdicts, added up instance by instance; series must come one after the other."""

    total: Counter[str] = field(default_factory=Counter)
    by_action: dict[str, Counter[str]] = field(default_factory=dict)
    by_category: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    partial: dict[str, float] = field(default_factory=dict)
    series: Counter[str] = field(default_factory=Counter)
    series_by_category: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    _open: dict[tuple[str, str], tuple[str, tuple[str, str]]] = field(default_factory=dict)
    _series: tuple[str, str, str] | None = None

    def add(self, answer: Answer, judged: list[tuple[Check, Result]]) -> None:
        """Add the results of one instance."""
        key = (answer.patient, answer.study, answer.series)
        if key != self._series:
            self.close()
            self._series = key
        for check, result in judged:
            word, category = verdict(result), category_of(check)
            self.total[word] += 1
            self.by_action.setdefault(check.action, Counter())[word] += 1
            self.by_category.setdefault(category, Counter())[word] += 1
            self.partial[check.action] = self.partial.get(check.action, 0) + (result.score or 0)
            self._keep_worst((check.action, check.place), word, category)

    def _keep_worst(self, key: tuple[str, str], word: str, category: tuple[str, str]) -> None:
        order = (FAILED, PASSED, BLANK)
        standing = self._open.get(key)
        if standing is None or order.index(word) < order.index(standing[0]):
            self._open[key] = (word, category)

    def close(self) -> None:
        """Count the series that was open: the worst result of each action and place."""
        for word, category in self._open.values():
            self.series[word] += 1
            self.series_by_category.setdefault(category, Counter())[word] += 1
        self._open = {}


def share(counts: Mapping[str, int]) -> float | None:
    """Give the share that passed of all checks, those that could not be decided included; null if there are none."""
    total = sum(counts.values())
    return counts.get(PASSED, 0) / total if total else None


def summary(scores: Scores) -> dict[str, object]:
    """Give the figures of an answer key: what must be hidden, what must stay and what must agree stand apart."""
    return {
        "by instance": _score(scores.total, scores.by_category),
        "by series": _score(scores.series, scores.series_by_category),
        "leakage": _leakage(scores),
        "retention": _retention(scores),
        "actions": {
            action: dict(_counted(counts)) | {"partial": _mean(scores.partial.get(action, 0), counts)}
            for action, counts in sorted(scores.by_action.items())
        },
        "categories": [
            {"category": category, "subcategory": subcategory} | dict(_counted(counts))
            for (category, subcategory), counts in sorted(scores.by_category.items())
        ],
    }


def _counted(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    return ((word, counts.get(word, 0)) for word in (PASSED, FAILED, BLANK))


def _mean(total: float, counts: Counter[str]) -> float | None:
    decided = counts[PASSED] + counts[FAILED]
    return total / decided if decided else None


def _score(total: Counter[str], by_category: Mapping[tuple[str, str], Counter[str]]) -> dict[str, object]:
    """Give the published score, the pass share, and the one weighted by categories: of those that the key has."""
    of_category = {name: Counter[str]() for name in WEIGHTS}
    for (name, _), counts in by_category.items():
        if name in of_category:
            of_category[name].update(counts)
    shares = {name: share(counts) for name, counts in of_category.items()}
    weights = sum(WEIGHTS[name] for name, part in shares.items() if part is not None)
    weighted = sum(WEIGHTS[name] * part for name, part in shares.items() if part is not None)
    return {
        **dict(_counted(total)),
        "score": share(total),
        "category scores": shares,
        "weighted category score": weighted / weights if weights else None,
    }


def _leakage(scores: Scores) -> dict[str, object]:
    counts = _of_actions(scores, HIDING)
    decided = counts[PASSED] + counts[FAILED]
    return {
        "checks": decided,
        "left": counts[FAILED],
        "rate": counts[FAILED] / decided if decided else None,
        "undecided": counts[BLANK],
    }


def _retention(scores: Scores) -> dict[str, object]:
    counts = _of_actions(scores, RETAINING)
    decided = counts[PASSED] + counts[FAILED]
    partial = sum(scores.partial.get(action, 0) for action in RETAINING)
    return {
        "checks": decided,
        "kept": counts[PASSED],
        "rate": counts[PASSED] / decided if decided else None,
        "rate in part": partial / decided if decided else None,
        "undecided": counts[BLANK],
    }


def _of_actions(scores: Scores, actions: frozenset[Action]) -> Counter[str]:
    found: Counter[str] = Counter()
    for action in actions:
        found.update(scores.by_action.get(action, {}))
    return found


def discrepancy(answer: Answer, check: Check, result: Result, file_name: str) -> tuple[object, ...]:
    """Give a row of the discrepancy list, which holds values of source and output."""
    passed = "" if result.passed is None else int(result.passed)
    score = "" if result.score is None else round(result.score, 4)
    return (
        passed, score, check.place, check.name, result.found, check.value or "", check.action, check.text or "",
        *category_of(check), answer.modality, answer.sop_class, answer.patient, answer.study, answer.series,
        answer.instance, file_name,
    )  # fmt: skip
