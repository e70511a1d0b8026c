"""Overlays and drawn annotations: what can be writing goes, regions and figures stay."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tasks.deidentify.graphics import is_figure, is_solid
from tests.deidentify.objects import PEOPLE, ROOT, a_ct, an_item, bytes_of, deidentified, outcome_of, reread
from tests.deidentify.syntaxes import in_syntax
from tests.oracle.conformance import errors_of

ROWS = COLUMNS = 64
LETTERS = ["#####", "#...#", "#####", "#....", "#...."]  # a P
Plane = npt.NDArray[np.bool_]


def empty() -> Plane:
    """A plane with nothing on it."""
    return np.zeros((ROWS, COLUMNS), bool)


def disc(row: int = 30, column: int = 30, radius: int = 15) -> Plane:
    """A plane with a solid region."""
    rows, columns = np.ogrid[:ROWS, :COLUMNS]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def writing(stroke: int) -> Plane:
    """A plane with a letter of strokes this wide."""
    letter = np.array([[dot == "#" for dot in line] for line in LETTERS])
    plane = empty()
    drawn = np.kron(letter, np.ones((stroke, stroke), bool))
    plane[: drawn.shape[0], : drawn.shape[1]] = drawn
    return plane


def packed(plane: Plane) -> bytes:
    """The bits of a plane as Overlay Data."""
    data = np.packbits(plane.reshape(-1), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def with_overlay(plane: Plane, group: int = 0x6000, **changed: Any) -> FileDataset:
    """A CT with an overlay plane; `changed` are elements by their last four digits."""
    dataset = a_ct()
    values: dict[int, tuple[str, Any]] = {
        0x0010: ("US", plane.shape[0]),
        0x0011: ("US", plane.shape[1]),
        0x0022: ("LO", "ZZCANARY"),
        0x0040: ("CS", "R"),
        0x0045: ("LO", "ZZCANARY"),
        0x0050: ("SS", [1, 1]),
        0x0100: ("US", 1),
        0x0102: ("US", 0),
        0x1301: ("IS", "707"),
        0x1302: ("DS", "12.5"),
        0x1500: ("LO", "ZZCANARY"),
        0x3000: ("OW", packed(plane)),
        0x4000: ("LT", "ZZCANARY"),
    }
    values |= {
        int(place[1:], 16): ("US" if isinstance(value, int) else "CS", value) for place, value in changed.items()
    }
    for place, (vr, value) in values.items():
        if value is not None:
            dataset.add_new(group << 16 | place, vr, value)
    return dataset


def overlay_of(dataset: FileDataset | bytes) -> dict[int, Any]:
    """What stays of an overlay, by the last four digits of its tags."""
    outcome = outcome_of(dataset)
    assert outcome.content is not None, outcome.rule_id
    assert b"ZZCANARY" not in outcome.content
    return {element.tag.element: element.value for element in reread(outcome) if element.tag.group >> 8 == 0x60}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_solid_region_of_interest_stays_without_its_texts(syntax: str) -> None:
    plane = disc()
    kept = overlay_of(in_syntax(with_overlay(plane), syntax))
    assert sorted(kept) == [0x0010, 0x0011, 0x0040, 0x0050, 0x0100, 0x0102, 0x1301, 0x1302, 0x3000]
    assert kept[0x3000] == packed(plane)
    assert (kept[0x0040], kept[0x1301], kept[0x1302]) == ("R", 707, 12.5)


def test_planes_are_judged_one_by_one() -> None:
    dataset = with_overlay(disc(), 0x601E)
    dataset.update({element.tag: element for element in with_overlay(writing(2)) if element.tag.group == 0x6000})
    groups = {element.tag.group for element in deidentified(dataset) if element.tag.group >> 8 == 0x60}
    assert groups == {0x601E}


@pytest.mark.parametrize(
    "changed",
    [
        {"p0040": "G"},
        {"p0040": ""},
        {"p0040": None},
        {"p0010": 63},
        {"p0010": 0},
        {"p0010": None},
        {"p0050": None},
        {"p0100": 16},
        {"p0102": 12},
        {"p3000": None},
        {"p0015": 1},
    ],
    ids=str,
)
def test_a_plane_that_is_not_described_as_a_region_goes(changed: dict[str, Any]) -> None:
    assert overlay_of(with_overlay(disc(), **changed)) == {}


@pytest.mark.parametrize("stroke", [1, 2, 4, 6])
def test_writing_is_no_region(stroke: int) -> None:
    assert overlay_of(with_overlay(writing(stroke))) == {}
    assert overlay_of(with_overlay(disc(45, 45, 12) | writing(stroke))) == {}


def test_an_outline_is_no_solid_region() -> None:
    assert not is_solid(packed(disc() & ~disc(radius=12)), ROWS, COLUMNS)
    assert is_solid(packed(disc()), ROWS, COLUMNS)
    assert is_solid(packed(disc() | disc(50, 52, 9)), ROWS, COLUMNS)


def test_no_bits_and_bits_that_do_not_belong_to_the_plane_are_no_region() -> None:
    assert not is_solid(packed(empty()), ROWS, COLUMNS)
    assert not is_solid(packed(disc()) + b"ZZ", ROWS, COLUMNS)
    assert not is_solid(packed(disc())[:-2], ROWS, COLUMNS)
    assert not is_solid(b"", 0, COLUMNS)
    square = np.ones((9, 9), bool)
    assert is_solid(packed(square), 9, 9)
    assert not is_solid(packed(square)[:-1] + b"\xff", 9, 9)


def test_a_region_with_statistics_that_are_no_numbers_loses_them() -> None:
    dataset = with_overlay(disc())
    dataset.add_new(0x60001303, "LO", "ZZCANARY")
    assert 0x1303 not in overlay_of(dataset)


def a_text(text: str) -> Dataset:
    """An item of a Text Object Sequence."""
    return an_item(
        UnformattedTextValue=text, AnchorPoint=[1.0, 2.0], AnchorPointVisibility="Y", AnchorPointAnnotationUnits="PIXEL"
    )


def a_figure(kind: str, *points: float) -> Dataset:
    """An item of a Graphic Object Sequence."""
    return an_item(
        GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=len(points) // 2,
        GraphicData=list(points), GraphicType=kind, GraphicFilled="N",
    )  # fmt: skip


def a_presentation(*annotations: Dataset, **attributes: Any) -> FileDataset:
    """A grayscale softcopy presentation state."""
    image = an_item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.1.1")
    series = an_item(SeriesInstanceUID=f"{ROOT}.2", ReferencedImageSequence=[image])
    area = an_item(
        DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[4, 4],
        PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=["1", "1"],
    )  # fmt: skip
    pixels = (
        "PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "ImageType",
        "SamplesPerPixel", "PhotometricInterpretation", "FrameOfReferenceUID",
    )  # fmt: skip
    return a_ct(
        **dict.fromkeys(pixels)
        | {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1",
            "Modality": "PR",
            "ContentLabel": "ZZCANARY",
            "ContentDescription": "for ZZCANARY",
            "ContentCreatorName": "ZZCANARY^DOC",
            "PresentationCreationDate": "20200315",
            "PresentationCreationTime": "101112",
            "PresentationLUTShape": "IDENTITY",
            "ReferencedSeriesSequence": [series],
            "DisplayedAreaSelectionSequence": [area],
            "GraphicLayerSequence": [an_item(GraphicLayer="LAYER", GraphicLayerOrder=1)],
            "GraphicAnnotationSequence": list(annotations),
        }
        | attributes
    )


def annotations_after(*annotations: Dataset) -> list[Dataset]:
    """The graphic annotations afterwards."""
    outcome = outcome_of(a_presentation(*annotations))
    assert outcome.content is not None, (outcome.rule_id, outcome.findings)
    assert b"ZZCANARY" not in outcome.content
    return list(reread(outcome).get("GraphicAnnotationSequence", ()))


def test_texts_of_annotations_are_kept_as_labels_or_replaced() -> None:
    texts = [a_text("lung nodule"), a_text("ZZCANARY nodule"), a_text("seen by Dr Smith")]
    (annotation,) = annotations_after(an_item(GraphicLayer="LAYER", TextObjectSequence=texts))
    assert [text.UnformattedTextValue for text in annotation.TextObjectSequence] == [
        "lung nodule",
        "REMOVED",
        "REMOVED",
    ]


def test_figures_stay_and_handwriting_goes() -> None:
    figures = [
        a_figure("POINT", 1, 2),
        a_figure("CIRCLE", 1, 2, 3, 4),
        a_figure("POLYLINE", 1, 2, 3, 4),
        a_figure("POLYLINE", 1, 2, 3, 4, 5, 2, 1, 2),
        a_figure("INTERPOLATED", 1, 2, 3, 4, 5, 2, 7, 7),
        a_figure("ZZ", 1, 2),
    ]
    (annotation,) = annotations_after(an_item(GraphicLayer="LAYER", GraphicObjectSequence=figures))
    assert [figure.GraphicType for figure in annotation.GraphicObjectSequence] == [
        "POINT",
        "CIRCLE",
        "POLYLINE",
        "POLYLINE",
    ]


def test_an_annotation_that_loses_everything_goes() -> None:
    ink = a_figure("POLYLINE", 1, 2, 3, 4, 5, 2)
    compound = an_item(CompoundGraphicType="RULER", CompoundGraphicInstanceID=1)
    empty_ones = [
        an_item(GraphicLayer="LAYER", GraphicObjectSequence=[ink]),
        an_item(GraphicLayer="LAYER", CompoundGraphicSequence=[compound]),
    ]
    assert annotations_after(*empty_ones) == []
    (left,) = annotations_after(
        *empty_ones, an_item(TextObjectSequence=[a_text("lung")], CompoundGraphicSequence=[compound])
    )
    assert [element.keyword for element in left] == ["TextObjectSequence"]
    actions = outcome_of(a_presentation(*empty_ones)).actions
    assert actions["(0070,0001)", "X"] == 2


@pytest.mark.parametrize("data", [None, b"123", b"12345678901"])
def test_a_line_without_points_is_no_figure(data: bytes | None) -> None:
    item = a_figure("POLYLINE", 1, 2, 3, 4)
    if data is None:
        del item.GraphicData
    else:
        item.add_new(0x00700022, "OB", data)
    assert not is_figure(item)


def test_a_presentation_state_keeps_its_references_and_is_as_valid_as_before() -> None:
    source = bytes_of(a_presentation(an_item(GraphicLayer="LAYER", TextObjectSequence=[a_text("ZZCANARY")])))
    outcome = outcome_of(source)
    assert outcome.content is not None
    finished = reread(outcome)
    (series,) = finished.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == PEOPLE.uid(f"{ROOT}.2")
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == PEOPLE.uid(f"{ROOT}.1.1")
    assert finished.ContentLabel == "REMOVED"
    assert not finished.get("ContentCreatorName")
    assert errors_of(outcome.content) <= errors_of(source)
