"""The crosswalk names everything that was replaced, by what it is, and stands in the private prefix only."""

from tasks.deidentify.crosswalk import IdKind
from tests.deidentify.batches import a_batch, everything, rows_at, settled, worked
from tests.deidentify.objects import PATIENT_ID, PEOPLE, ROOT, SUBJECT, a_ct, an_item, bytes_of, outcome_of

REFERENCED = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.1.2")


def test_every_replaced_identifier_of_an_object_is_there_by_its_kind() -> None:
    outcome = outcome_of(a_ct(ReferencedImageSequence=[REFERENCED]))
    assert outcome.crosswalk == {
        (IdKind.PATIENT, PATIENT_ID): SUBJECT,
        (IdKind.STUDY, f"{ROOT}.1"): PEOPLE.uid(f"{ROOT}.1"),
        (IdKind.SERIES, f"{ROOT}.2"): PEOPLE.uid(f"{ROOT}.2"),
        (IdKind.INSTANCE, f"{ROOT}.1.1"): PEOPLE.uid(f"{ROOT}.1.1"),
        (IdKind.OTHER, f"{ROOT}.3"): PEOPLE.uid(f"{ROOT}.3"),
        (IdKind.OTHER, f"{ROOT}.1.2"): PEOPLE.uid(f"{ROOT}.1.2"),
    }


def test_registered_uids_were_not_replaced_and_are_not_there() -> None:
    assert not any(old.startswith("1.2.840.10008") for _, old in outcome_of(a_ct()).crosswalk)


def test_a_held_object_names_what_was_replaced_before_it_was_held() -> None:
    outcome = outcome_of(a_ct(BurnedInAnnotation="YES"))
    assert outcome.content is None
    assert {kind for kind, _ in outcome.crosswalk} == {"patient", "study", "series", "instance"}


def test_an_object_without_identifiers_names_nothing() -> None:
    assert outcome_of(a_ct(PatientID=None)).crosswalk == {}
    assert outcome_of(b"no DICOM").crosswalk == {}


def test_source_identifiers_are_not_in_what_an_outcome_prints() -> None:
    assert PATIENT_ID not in repr(outcome_of(a_ct()))


def test_over_a_batch_an_identifier_is_what_it_is_in_its_own_object() -> None:
    files = {
        "1.dcm": bytes_of(a_ct(ReferencedImageSequence=[REFERENCED])),
        "2.dcm": bytes_of(a_ct(SOPInstanceUID=f"{ROOT}.1.2")),
    }
    context = a_batch(files, shard={"max_objects": 1})
    plan, _ = settled(context)
    rows = rows_at(context, context.layout.private_run(plan.run, "crosswalk.parquet"))
    assert [(row["kind"], row["id_old"]) for row in rows] == [
        ("instance", f"{ROOT}.1.1"),
        ("instance", f"{ROOT}.1.2"),
        ("other", f"{ROOT}.3"),
        ("patient", PATIENT_ID),
        ("series", f"{ROOT}.2"),
        ("study", f"{ROOT}.1"),
    ]
    people = context.pseudonymizer
    assert all(
        row["id_new"] == (people.subject if row["kind"] == "patient" else people.uid)(row["id_old"]) for row in rows
    )


def test_only_the_private_prefix_has_a_crosswalk() -> None:
    context = a_batch({"1.dcm": bytes_of(a_ct())})
    worked(context)
    keys = [key for key in everything(context) if "crosswalk" in key]
    assert keys
    assert all(key.startswith("private/") for key in keys)
