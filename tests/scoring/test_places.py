"""Places are read as the key writes them, and found in the data set whatever block a creator stands in."""

import pytest
from pydicom import Dataset

from flows.scoring.places import PlaceError, Step, elements_in, parse_place, text_at
from tests.deidentify.objects import a_code, a_ct, an_item

NESTED = an_item(ReferencedSOPInstanceUID="1.2.3", PurposeOfReferenceCodeSequence=[a_code("1", "DCM", "One")])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("<(0010,0020)>", [Step(0x10, 0x20)]),
        ("<(0018,115e)>", [Step(0x18, 0x115E)]),
        ("<(0008,1140)>[<0000>]<(0008,1155)>", [Step(0x8, 0x1140, item=0), Step(0x8, 0x1155)]),
        ('<(0019,"SIEMENS CT VA0  COAD",92)>', [Step(0x19, 0x92, "SIEMENS CT VA0  COAD")]),
        ('<(0019,"A>B)",0a)>[<0012>]<(0008,0100)>', [Step(0x19, 0x0A, "A>B)", 12), Step(0x8, 0x100)]),
    ],
)
def test_a_place_is_a_chain_of_steps(text: str, steps: list[Step]) -> None:
    assert parse_place(text) == tuple(steps)


@pytest.mark.parametrize(
    "text",
    ["", "(0010,0020)", "<(0010,002)>", "<(0008,1140)>[<0000>]", "<(0008,1140)><(0008,1155)>", "<(0010,0020)>x"],
)
def test_what_is_no_place_is_not_guessed_at(text: str) -> None:
    with pytest.raises(PlaceError):
        parse_place(text)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("<(0010,0010)>", "ZZCANARY^ANNA"),
        ("<(0008,0008)>", "['ORIGINAL', 'PRIMARY', 'AXIAL']"),
        ("<(0028,0010)>", "4"),
        ("<(0008,1140)>[<0000>]<(0008,1155)>", "1.2.3"),
        ("<(0008,1140)>[<0000>]<(0040,a170)>[<0000>]<(0008,0100)>", "1"),
        ("<(0008,1140)>[<0001>]<(0008,1155)>", None),
        ("<(0010,0010)>[<0000>]<(0008,1155)>", None),
        ("<(0010,4000)>", None),
        ("<(0008,0090)>", ""),
        ("<(7fe0,0010)>", "REMOVED"),
        ("<(6000,3000)>", "REMOVED"),
        ('<(0029,"ACME",01)>', "private"),
        ('<(0029,"ACME",02)>', None),
        ('<(0029,"OTHER",01)>', "second"),
        ('<(0031,"ACME",01)>', None),
    ],
)
def test_the_value_at_a_place_is_written_as_the_key_writes_it(place: str, text: str | None) -> None:
    dataset = a_ct(ReferencedImageSequence=[NESTED], ReferringPhysicianName="")
    dataset.private_block(0x0029, "Acme", create=True).add_new(1, "LO", "private")
    dataset.private_block(0x0029, "Other", create=True).add_new(1, "LO", " second ")
    dataset.add_new(0x60003000, "OW", b"\0\0")
    assert text_at(dataset, parse_place(place)) == text


def test_an_element_without_a_creator_is_at_no_private_place() -> None:
    dataset = Dataset()
    dataset.add_new(0x00291001, "LO", "orphan")
    assert text_at(dataset, parse_place('<(0029,"ACME",01)>')) is None


def test_every_standard_element_has_its_place() -> None:
    dataset = Dataset()
    dataset.ReferencedImageSequence = [NESTED]
    dataset.private_block(0x0029, "Acme", create=True).add_new(1, "LO", "private")
    assert [place for place, _ in elements_in(dataset)] == [
        "<(0008,1140)>",
        "<(0008,1140)>[<0000>]<(0008,1155)>",
        "<(0008,1140)>[<0000>]<(0040,a170)>",
        "<(0008,1140)>[<0000>]<(0040,a170)>[<0000>]<(0008,0100)>",
        "<(0008,1140)>[<0000>]<(0040,a170)>[<0000>]<(0008,0102)>",
        "<(0008,1140)>[<0000>]<(0040,a170)>[<0000>]<(0008,0104)>",
    ]
