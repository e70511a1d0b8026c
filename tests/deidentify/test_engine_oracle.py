"""The engine and the pydicom path on real files, and on made ones of every kind."""

import random
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from pydicom import DataElement, Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tasks.deidentify.engine.run import Engine, deidentify_bytes, engine_of
from tasks.deidentify.instance import InstancePolicy, deidentify_instance
from tasks.deidentify.needles import Given
from tasks.dicom.silence import silenced
from tests.deidentify.engine_oracle import PASSED, answer_that_agrees, assert_agree
from tests.deidentify.objects import PATIENT_ID, PEOPLE, POLICY, PROFILE, ROOT, SUBJECT, a_code, a_ct, an_item, bytes_of

CANARIES = Path(__file__).parents[1] / "golden" / "deid_canaries"
REAL = Path(pydicom.data.__file__).parent
REAL_FILES = sorted(
    path
    for folder in ("test_files", "charset_files", "palettes")
    for path in (REAL / folder).rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc", ".json", ".icc")
) + sorted(CANARIES.glob("*.dcm"))
LEFT_TO_PYDICOM = {
    "MR_small_bigendian.dcm",
    "MR_small_expb.dcm",
    "liver_expb_1frame.dcm",
    "rtdose_expb.dcm",
    "rtdose_expb_1frame.dcm",
    "rtstruct.dcm",
    "sr.dcm",
    "trail.dcm",
}
SEEDS = range(60)
SEQUENCES = (
    *(0x00081140, 0x00082112, 0x00081111, 0x00400275, 0x00189346, 0x00321064, 0x00540016),
    *(0x00100043, 0x00100046, 0x00081301),  # younger than pydicom's dictionary
)
CHARSETS = ("", "ISO_IR 100", "ISO_IR 192", "ISO_IR 144", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149")


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_a_real_file_comes_out_as_from_pydicom(path: Path) -> None:
    content = path.read_bytes()
    expected = deidentify_instance(content, POLICY)
    for _ in range(3):  # cold, with runs just learned, warm
        found = deidentify_bytes(content, POLICY)
        assert found is None or expected.rule_id == PASSED
        if found is not None:
            assert_agree(found, expected)
            assert found.content == expected.content
    is_left = expected.rule_id != PASSED or path.name in LEFT_TO_PYDICOM
    assert (found is None) == is_left


def test_parts_are_the_content_and_hold_the_pixels_of_the_source_uncopied() -> None:
    content = bytes_of(a_ct())
    finished = engine_of(POLICY).deidentify(content)
    outcome = deidentify_bytes(content, POLICY)
    assert finished is not None
    assert outcome is not None
    assert b"".join(finished.parts) == outcome.content
    assert any(isinstance(part, memoryview) and part.obj is content for part in finished.parts)
    assert finished.outcome.content is None


class Maker:
    """Makes one data set after the other, as odd as a seed wants them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 -- made-up data that must come out the same again
        self.charset = self.rng.choice(CHARSETS)

    def text(self) -> str:
        words = [
            "CHEST",
            "ROUTINE",
            "ZZCANARY",
            "anna",
            "axial",
            "5 mm",
            "20200315",
            "Thorax",
            "AP",
            "",
            "X-Y",
            "a@b.c",
        ]
        words += ["Müller"] if self.charset in ("ISO_IR 100", "ISO_IR 192", "GB18030") else []
        return " ".join(self.rng.sample(words, self.rng.randint(0, 3)))[:16]

    def uid(self) -> str:
        return self.rng.choice([f"{ROOT}.{self.rng.randint(1, 9)}", "1.2.840.10008.5.1.4.1.1.2", "", "no uid"])

    def date(self) -> str:
        return self.rng.choice(["20200315", "20200401", "2020.03.15", "", "19000101", "20200315-20200401", "no date"])

    def element(self, dataset: Dataset) -> None:
        """Add one element of a chosen kind."""
        tag, vr, make = self.rng.choice(KINDS)
        dataset[tag] = DataElement(tag, vr, make(self))

    def item(self, depth: int) -> Dataset:
        item = Dataset()
        for _ in range(self.rng.randint(0, 5)):
            self.element(item)
        if depth and self.rng.random() < 0.6:
            self.sequence(item, depth - 1)
        if self.rng.random() < 0.2:
            item.update(
                a_code(*self.rng.choice([("T-11", "99SITE", "ZZCANARY"), ("109104", "DCM", "x"), ("", "", "")]))
            )
        item.is_undefined_length_sequence_item = self.rng.random() < 0.5
        return item

    def sequence(self, dataset: Dataset, depth: int) -> None:
        tag = self.rng.choice(SEQUENCES)
        dataset[tag] = DataElement(tag, "SQ", [self.item(depth) for _ in range(self.rng.randint(0, 3))])
        dataset[tag].is_undefined_length = self.rng.random() < 0.5

    def private(self, dataset: Dataset) -> None:
        group = self.rng.choice([0x0019, 0x0029, 0x0043, 0x01F1])
        creator = self.rng.choice(["GEMS_ACQU_01", "SIEMENS MR HEADER", "ELSCINT1", "ZZCANARY", "GEMS_PARM_01"])
        block = dataset.private_block(group, creator, create=True)
        for _ in range(self.rng.randint(1, 4)):
            place = self.rng.choice([0x02, 0x0C, 0x0D, 0x0E, 0x23, 0x26, 0x27, 0x39, 0xFE])
            vr, value = self.rng.choice(
                [("DS", "1.5"), ("FD", 1.5), ("LO", self.text()), ("US", 7), ("UN", b"ZZCANARY"), ("IS", "3")]
            )
            block.add_new(place, vr, value)
        if self.rng.random() < 0.3:
            block.add_new(0xF0, "SQ", [self.item(1)])

    def dataset(self) -> FileDataset:
        """Make a CT with much besides."""
        with silenced():
            dataset = a_ct(**({"SpecificCharacterSet": self.charset.split("\\")} if self.charset else {}))
            for _ in range(self.rng.randint(5, 40)):
                self.element(dataset)
            for _ in range(self.rng.randint(0, 4)):
                self.sequence(dataset, 3)
            for _ in range(self.rng.randint(0, 3)):
                self.private(dataset)
            if self.rng.random() < 0.3:
                dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        return dataset


KINDS: list[tuple[int, str, Any]] = [
    (0x00080008, "CS", lambda made: made.rng.choice([["ORIGINAL", "PRIMARY"], "odd value", ""])),
    (0x00080013, "TM", lambda made: made.rng.choice(["101112.123", "10:11", "", "noon"])),
    (0x00080021, "DA", Maker.date),
    (0x00080022, "DA", Maker.date),
    (0x0008002A, "DT", lambda made: made.rng.choice(["20200315101112.5+0100", "202003", "", "x"])),
    (0x00080070, "LO", lambda made: made.rng.choice(["ACME", "ZZCANARY GmbH", "SIEMENS"])),
    (0x00080080, "LO", Maker.text),
    (0x00080090, "PN", lambda made: made.rng.choice(["ZZCANARYREF^DOC", "MAY^White", ""])),
    (0x0008103E, "LO", Maker.text),
    (0x00081030, "LO", Maker.text),
    (0x00081090, "LO", Maker.text),
    (0x00081155, "UI", Maker.uid),
    (0x00081150, "UI", Maker.uid),
    (0x00082111, "ST", Maker.text),
    (0x00084000, "LT", Maker.text),
    (0x00101010, "AS", lambda made: made.rng.choice(["045Y", "093Y", "12m", "", "45"])),
    (0x00101020, "DS", lambda made: made.rng.choice(["1.75", ""])),
    (0x00101040, "LO", Maker.text),
    (0x001021B0, "LT", Maker.text),
    (0x00104000, "LT", Maker.text),
    (0x00180015, "CS", lambda made: made.rng.choice(["CHEST", "ZZCANARY", "Chest"])),
    (0x00180050, "DS", lambda made: made.rng.choice(["5", "1.25", "5\\6"])),
    (0x00180060, "DS", lambda made: made.rng.choice(["120", "1e2"])),
    (0x00181020, "LO", Maker.text),
    (0x00181030, "LO", Maker.text),
    (0x00181200, "DA", Maker.date),
    (0x00181210, "SH", lambda made: made.rng.choice(["B30f", ["B30f", "3"], "ZZCANARY"])),
    (0x00189073, "FD", lambda _: 1.5),
    (0x00189306, "FD", lambda _: 2.5),
    (0x00189313, "FD", lambda _: [1.0, 2.0, 3.0]),
    (0x00200012, "IS", lambda made: str(made.rng.randint(0, 99))),
    (0x00200032, "DS", lambda made: ["-180", "-180", f"{made.rng.randint(0, 99)}.5"]),
    (0x00200037, "DS", lambda _: ["1", "0", "0", "0", "1", "0"]),
    (0x00204000, "LT", Maker.text),
    (0x00209221, "SQ", lambda made: [made.item(1)]),
    (0x00280106, "US", lambda _: 3),
    (0x00281050, "DS", lambda _: ["40", "300"]),
    (0x00281051, "DS", lambda _: ["400", "1500"]),
    (0x00281054, "LO", Maker.text),
    (0x00283006, "US", lambda _: [1, 2, 3]),
    (0x00321060, "LO", Maker.text),
    (0x00400244, "DA", Maker.date),
    (0x00400254, "LO", Maker.text),
    (0x00400555, "SQ", lambda made: [made.item(0)]),
    (0x0040A124, "UI", Maker.uid),
    (0x0040A132, "DT", lambda made: made.rng.choice(["20200315", ""])),
    (0x00880140, "UI", Maker.uid),
    (0x00204321, "UN", lambda _: b"ZZCANARY"),
    (0x60000010, "US", lambda _: 4),
    (0x60000022, "LO", Maker.text),
    (0x60003000, "OW", lambda _: b"\0\0"),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_made_object_comes_out_as_from_pydicom(seed: int) -> None:
    content = bytes_of(Maker(seed).dataset())
    for _ in range(2):
        answer_that_agrees(content)


def test_most_made_objects_are_answered() -> None:
    contents = [bytes_of(Maker(seed).dataset()) for seed in SEEDS]
    passed = [content for content in contents if deidentify_instance(content, POLICY).rule_id == PASSED]
    answered = [content for content in passed if deidentify_bytes(content, POLICY) is not None]
    assert len(passed) > len(contents) // 2
    assert len(answered) > 0.8 * len(passed)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
def test_the_slices_of_a_series_come_out_as_from_pydicom(syntax: str) -> None:
    for series in range(3):
        for number in range(6):
            dataset = a_ct(
                SeriesInstanceUID=f"{ROOT}.2.{series}",
                SOPInstanceUID=f"{ROOT}.1.{series}.{number}",
                SeriesDescription=["Chest 5 mm", "Chest ZZCANARY", "Thorax ANNA axial"][series],
                InstanceNumber=str(number + 1),
                SliceLocation=f"{number * 2.5}",
                AcquisitionTime=f"1011{number:02d}",
                ReferencedImageSequence=[
                    an_item(
                        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.9.{number}"
                    )
                ],
                ImageComments="ZZCANARY" if number == 4 else None,
                BodyPartExamined="ANNA" if number == 5 else "CHEST",
            )
            dataset.file_meta.TransferSyntaxUID = syntax
            assert answer_that_agrees(bytes_of(dataset)) is not None


def test_subjects_that_take_turns_do_not_get_each_others_names_or_dates() -> None:
    for _ in range(3):
        for name, number in (("ZZCANARY^ANNA", "ZZCANARY7"), ("CHEST^THORAX", "ZZCANARY8"), ("MAY^WHITE", "ZZCANARY9")):
            dataset = a_ct(
                PatientName=name, PatientID=number, SeriesDescription="Chest May ANNA", BodyPartExamined="CHEST"
            )
            assert answer_that_agrees(bytes_of(dataset)) is not None


def test_names_that_the_batch_gives_are_taken_out_of_texts() -> None:
    policy = InstancePolicy(PEOPLE, PROFILE, given={SUBJECT: Given(words=frozenset({"thorax"}))})
    content = bytes_of(a_ct(SeriesDescription="Thorax routine"))
    found, other = answer_that_agrees(content, policy), answer_that_agrees(content)
    assert found is not None
    assert other is not None
    assert found.content != other.content


@pytest.mark.parametrize(
    "attributes",
    [
        {"PatientID": None},
        {"BurnedInAnnotation": "YES"},
        {"SOPInstanceUID": "not a uid"},
        {"PixelData": b"\0\0"},
        {"BitsStored": 20},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"},
        {"RedPaletteColorLookupTableData": b"\0ZZCANARY^ANNA\0\0"},
        {"BitsStored": 16, "HighBit": 15, "PixelData": b"\1\2ZZCANARY^ANNA".ljust(32, b"\3")},
    ],
    ids=str,
)
def test_what_does_not_pass_is_left_to_pydicom(attributes: dict[str, Any]) -> None:
    content = bytes_of(a_ct(**attributes))
    assert deidentify_bytes(content, POLICY) is None
    assert deidentify_instance(content, POLICY).rule_id != PASSED


def test_spare_bits_and_bytes_too_many_are_cleared() -> None:
    for signed in (0, 1):
        for cells in (b"\xff\xff" * 16, b"\xff\x0f" * 16, b"\xff\x0f" * 20, b"\x01\xf8" * 16):
            assert answer_that_agrees(bytes_of(a_ct(PixelRepresentation=signed, PixelData=cells))) is not None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.deidentify.engine.memory.LIMIT", 50_000)
    engine = Engine(POLICY)
    for number in range(30):
        content = bytes_of(a_ct(PatientID=f"{PATIENT_ID}{number}", SOPInstanceUID=f"{ROOT}.7.{number}"))
        finished = engine.deidentify(content)
        assert finished is not None
        assert b"".join(finished.parts) == deidentify_instance(content, POLICY).content
        assert engine._memory.weight < 500_000


def test_an_engine_that_was_interrupted_forgets_what_it_may_have_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, content = Engine(POLICY), bytes_of(a_ct())
    whole = engine.deidentify(content)
    with monkeypatch.context() as patched:
        patched.setattr("tasks.deidentify.engine.run.layout_of", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.deidentify(content)
    forgotten: list[bool] = []
    monkeypatch.setattr(engine, "_forget", lambda: forgotten.append(True))
    assert engine.deidentify(content) == whole
    assert engine.deidentify(content) == whole
    assert forgotten == [True]


def _interrupted(_content: bytes) -> None:
    raise KeyboardInterrupt
