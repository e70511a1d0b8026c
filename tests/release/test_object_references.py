"""References inside released objects are held against the tables, and none may lead back to a source."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from tasks.release import object_references, verify
from tasks.release.build import build_release
from tasks.release.model import Problem
from tasks.release.verify import verify_release
from tasks.release.withdraw import withdraw
from tasks.release.withdrawn import Withdrawal
from tests.release.batches import Batch, Image, Installation, some_images

RULE = "I-UID-REFS"
Change = Callable[[Dataset], None]


@dataclass(frozen=True)
class Referring(Image):
    """An image with references."""

    change: Change = field(default=lambda _: None)

    @property
    def data(self) -> bytes:
        dataset = dcmread(BytesIO(super().data))
        self.change(dataset)
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()


def an_item(**values: object) -> Dataset:
    item = Dataset()
    item.update(values)
    return item


def evidence(sop: str, series: str = "2.25.1.1", study: str = "2.25.1") -> Change:
    """Give what makes an object a key object selection: it names an instance, its series and its study."""

    def change(dataset: Dataset) -> None:
        instance = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=sop)
        of_series = an_item(SeriesInstanceUID=series, ReferencedSOPSequence=[instance])
        dataset.CurrentRequestedProcedureEvidenceSequence = [
            an_item(StudyInstanceUID=study, ReferencedSeriesSequence=[of_series])
        ]

    return change


def source(sop: str) -> Change:
    """Give what makes an object a segmentation: each frame names its source, in no series or study."""

    def change(dataset: Dataset) -> None:
        instance = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=sop)
        dataset.PerFrameFunctionalGroupsSequence = [
            an_item(DerivationImageSequence=[an_item(SourceImageSequence=[instance])]) for _ in range(2)
        ]

    return change


def in_frame(uid: str) -> Change:
    return lambda dataset: setattr(dataset, "FrameOfReferenceUID", uid)


def released(*changes: Change) -> Installation:
    """Two instances of a series, one of another study of another subject, and an object with each of the changes."""
    made = Installation()
    images = [*some_images("SUBJECTA", study="1"), *some_images("SUBJECTB", study="2", instances=1)]
    images += [
        Referring("SUBJECTA", "2.25.1", "2.25.1.9", f"2.25.1.9.{number}", change=change)
        for number, change in enumerate(changes)
    ]
    Batch("site-a/batch-1", images).write(made.work)
    build_release("2026.11", context=made.context)
    return made


def told(problems: list[Problem]) -> list[tuple[str, bool]]:
    assert {one.check for one in problems} <= {RULE}
    return [(one.detail, one.is_note) for one in problems]


def test_references_that_lead_where_the_tables_say_are_sound() -> None:
    made = released(evidence("2.25.1.1.1"), source("2.25.1.1.2"), in_frame("2.25.5"), in_frame("1.2.840.10008.1.4.1.1"))
    assert verify_release(made.release) == []


def test_references_to_what_was_never_sent_are_noted_and_counted() -> None:
    made = released(source("2.25.77"), evidence("2.25.78", series="2.25.79"))
    assert told(verify_release(made.release)) == [("3 references are to what the collection does not hold", True)]


@pytest.mark.parametrize(
    ("change", "count"),
    [(source("1.2.3.4"), 1), (evidence("1.2.3.4", series="1.2.3"), 2), (in_frame("1.2.3.4.5"), 1)],
)
def test_a_reference_back_to_the_source_is_found(change: Change, count: int) -> None:
    problems = verify_release(released(change).release)
    assert told(problems) == [(f"{count} references are to UIDs that de-identification did not make", False)]
    assert problems[0].place.startswith("data/")
    assert "1.2.3" not in str(problems)


@pytest.mark.parametrize(
    "change",
    [
        evidence("2.25.1.1.1", series="2.25.1.9"),
        evidence("2.25.1.1.1", study="2.25.2", series=""),
        evidence("2.25.2.1.1", series="2.25.2.1", study="2.25.1"),
    ],
)
def test_a_reference_in_another_series_or_study_than_the_tables_say_is_found(change: Change) -> None:
    (problem,) = verify_release(released(change).release)
    assert (problem.is_note, problem.check) == (False, RULE)
    assert problem.detail.endswith("references name another series or study than the tables do")


def test_references_to_what_was_withdrawn_are_noted_in_every_version() -> None:
    made = released(source("2.25.1.1.1"), evidence("2.25.1.1.2"))
    withdraw([Withdrawal("series", "2.25.1.1", "defective")], "2026.12", context=made.context)
    for version in ("2026.11", "2026.12"):
        problems = [one for one in verify_release(made.release, version=version) if one.check == RULE]
        assert told(problems) == [("3 references are to what was withdrawn", True)]


def test_counts_are_the_same_when_a_check_was_stopped_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = released(*(source(f"2.25.77{number}") for number in range(6)), source("1.2.3.4"))
    whole = verify_release(made.release)
    assert ("6 references are to what the collection does not hold", True) in told(whole)
    monkeypatch.setattr(verify, "READS_AT_ONCE", 2)
    monkeypatch.setattr(verify, "SECONDS_PER_STATE", 0)
    monkeypatch.setattr(object_references, "AT_ONCE", 1)

    def stop(done: int, _: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_release(made.release, state=tmp_path / "state", progress=stop)
    assert (tmp_path / "state").exists()
    assert verify_release(made.release, state=tmp_path / "state") == whole


def test_a_sample_is_held_against_all_rows_of_the_tables() -> None:
    made = released(evidence("2.25.1.1.1"), source("1.2.3.4"))
    assert verify_release(made.release, sample=1) == []
    assert len(verify_release(made.release, sample=4)) == 1
