"""What objects refer to, found by a walk over their bytes."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tasks.dicom.references import FRAME, INSTANCE, SERIES, STUDY, Reference, is_new_or_registered, references_in
from tasks.dicom.silence import silenced
from tests.dicom.conftest import FILES

CT = "1.2.840.10008.5.1.4.1.1.2"


def items(*rows: dict[str, object]) -> list[Dataset]:
    made = []
    for row in rows:
        item = Dataset()
        item.update(row)
        made.append(item)
    return made


def an_object(syntax: str = ExplicitVRLittleEndian, *, open_ended: bool = False, **values: object) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, "2.25.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.1", "2.25.2"
    dataset.update(values)
    for element in dataset.iterall():
        if element.VR == "SQ" and open_ended:
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def image(uid: str) -> dict[str, object]:
    return {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": uid}


EVIDENCE = {
    "CurrentRequestedProcedureEvidenceSequence": items(
        {
            "StudyInstanceUID": "2.25.1",
            "ReferencedSeriesSequence": items(
                {"SeriesInstanceUID": "2.25.7", "ReferencedSOPSequence": items(image("2.25.71"), image("2.25.72"))}
            ),
        }
    )
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("open_ended", [False, True])
def test_evidence_of_a_key_object_names_series_and_study_of_each_instance(syntax: str, *, open_ended: bool) -> None:
    assert references_in(an_object(syntax, open_ended=open_ended, **EVIDENCE)) == {
        Reference(INSTANCE, "2.25.71", "2.25.7", "2.25.1"),
        Reference(INSTANCE, "2.25.72", "2.25.7", "2.25.1"),
        Reference(SERIES, "2.25.7", "", "2.25.1"),
        Reference(STUDY, "2.25.1"),
    }


def test_sources_of_frames_of_a_segmentation_are_found_in_the_depth() -> None:
    source = {"SourceImageSequence": items(image("2.25.81"))}
    frames = items({"DerivationImageSequence": items(source)}, {"DerivationImageSequence": items(source)})
    assert references_in(an_object(PerFrameFunctionalGroupsSequence=frames)) == {Reference(INSTANCE, "2.25.81")}


def test_a_structure_set_refers_to_a_study_as_such_and_to_frames() -> None:
    series = items({"SeriesInstanceUID": "2.25.7", "ContourImageSequence": items(image("2.25.71"))})
    study = image("2.25.1") | {
        "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1", "RTReferencedSeriesSequence": series,
    }  # fmt: skip
    frame = items({"FrameOfReferenceUID": "2.25.5", "RTReferencedStudySequence": items(study)})
    content = an_object(
        ReferencedFrameOfReferenceSequence=frame,
        StructureSetROISequence=items({"ReferencedFrameOfReferenceUID": "2.25.6"}),
    )
    assert references_in(content) == {
        Reference(INSTANCE, "2.25.71", "2.25.7", "2.25.1"),
        Reference(SERIES, "2.25.7", "", "2.25.1"),
        Reference(STUDY, "2.25.1"),
        Reference(FRAME, "2.25.5"),
        Reference(FRAME, "2.25.6"),
    }


def test_an_objects_own_uids_are_no_references() -> None:
    assert references_in(an_object()) == frozenset()
    assert references_in(an_object(FrameOfReferenceUID="2.25.5")) == {Reference(FRAME, "2.25.5")}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no DICOM",
        an_object(**EVIDENCE)[:-9],
        an_object(open_ended=True, **EVIDENCE)[:-9],
        an_object(DeflatedExplicitVRLittleEndian),
    ],
)
def test_what_cannot_be_followed_is_said_to_be_so(content: bytes) -> None:
    assert references_in(content) is None


def test_items_in_items_without_end_are_not_followed() -> None:
    nested = items({"PatientID": "x"})
    for _ in range(200):
        nested = items({"ReferencedSeriesSequence": nested})
    assert references_in(an_object(ReferencedSeriesSequence=nested)) is None


def test_in_every_real_file_all_are_found_that_pydicom_finds() -> None:
    looked_at = 0
    for path in FILES.values():
        content = path.read_bytes()
        found = references_in(content) if path.stat().st_size < 400_000 else None
        if found is None:
            continue
        with silenced():
            header = dcmread(BytesIO(content), stop_before_pixels=True)
            named = {
                str(item.ReferencedSOPInstanceUID).strip(" \0")
                for element in header.iterall()
                if element.VR == "SQ"
                for item in element.value
                if "ReferencedSOPInstanceUID" in item
            }
        assert named - {""} == {one.uid for one in found if one.kind in {INSTANCE, STUDY}} & named
        looked_at += bool(named)
    assert looked_at > 20


def test_only_new_and_registered_uids_may_stand_in_a_released_object() -> None:
    assert is_new_or_registered("2.25.1234")
    assert is_new_or_registered("1.2.840.10008.1.4.1.1")
    assert not is_new_or_registered("1.2.840.10008.1.4.1.1.77")
    assert not is_new_or_registered("1.3.6.1.4.1.5962.1")
