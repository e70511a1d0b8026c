"""The engine held against the pydicom path: where it answers, both must say the same of an object."""

from collections.abc import Iterator
from io import BytesIO

from pydicom import DataElement, Dataset, dcmread

from tasks.deidentify.engine.run import deidentify_bytes
from tasks.deidentify.instance import InstancePolicy, Outcome, deidentify_instance
from tasks.dicom.silence import silenced
from tests.deidentify.objects import POLICY

PASSED = "DE-PASS"
COMPARED = (
    "status",
    "rule_id",
    "subject_id",
    "study_uid",
    "sop_uid",
    "findings",
    "facts",
    "crosswalk",
    "needles",
    "pixel_sha256",
)


def answer_that_agrees(content: bytes, policy: InstancePolicy = POLICY) -> Outcome | None:
    """What the engine says of an object, after it was compared with what the pydicom path says."""
    found = deidentify_bytes(content, policy)
    if found is not None:
        assert_agree(found, deidentify_instance(content, policy))
    return found


def assert_agree(found: Outcome, expected: Outcome) -> None:
    for name in COMPARED:
        assert getattr(found, name) == getattr(expected, name), name
    assert dict(found.actions) == dict(expected.actions)
    assert (found.engine, expected.engine) == ("bytes", "pydicom")
    assert found.content is not None
    assert expected.content is not None
    if found.content != expected.content:
        with silenced():
            ours, theirs = (dcmread(BytesIO(content)) for content in (found.content, expected.content))
            assert list(_flat(ours.file_meta)) == list(_flat(theirs.file_meta))
            assert list(_flat(ours)) == list(_flat(theirs))


def _flat(dataset: Dataset, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str, object]]:
    """Every element at every depth: its path, VR and value."""
    for element in dataset:
        yield (*path, int(element.tag)), element.VR, _value(element)
        if element.VR == "SQ":
            for place, item in enumerate(element.value):
                yield from _flat(item, (*path, int(element.tag), place))


def _value(element: DataElement) -> object:
    if element.VR == "SQ":
        return len(element.value)
    return element.value if isinstance(element.value, bytes) else str(element.value)
