import re
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from expectations.schemas.catalog import CANONICAL
from tasks.release.build import build_release
from tasks.release.card import CONTACT_SHEET, NO_SHEET, card
from tasks.release.charts import WIDTH, Bar, Span, bar_chart, column_chart, lane_chart
from tasks.release.figures import MOST_MONTHS, MOST_VENDORS, pictures
from tasks.release.reading import committed, open_tables
from tests.release.batches import Batch, Installation, an_event, first_batch, second_batch, some_images

ROOT = "releases/2026.11/"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def published() -> Installation:
    """A release that follows another."""
    made = Installation().with_policy(web_address="https://open-chest.example.org", title="Chest & more <one>")
    first_batch().write(made.work)
    second_batch().write(made.work)
    build_release("2026.10", context=made.context)
    Batch("site-c/batch-1", some_images("SUBJECTD", study="5", instances=1)).write(made.work)
    fewer = made.with_policy(**made.policy.model_dump() | {"batches": ("site-a/batch-1", "site-c/batch-1")})
    build_release("2026.11", context=fewer.context)
    return made


def text(published: Installation, name: str) -> str:
    return published.contents()[f"{ROOT}{name}"].decode()


def told(picture: str) -> str:
    found = ET.fromstring(picture).findtext(f"{SVG}desc")  # noqa: S314 -- drawn by us
    assert found is not None
    return found


def drawn(published: Installation, **tables: pa.Table) -> dict[str, str]:
    return {name: told(svg) for name, svg in pictures(open_tables(published.release) | tables).items()}


def test_the_card_says_what_the_release_holds(published: Installation) -> None:
    for line in ("| Subjects | 3 |", "| Instances | 8 |", "| Follows | 2026.10 |", "| Licence | CC-BY-4.0 |"):
        assert line in text(published, "README.md").splitlines()
    assert "<td>3</td>" in text(published, "index.html")


def test_the_page_is_dark_where_its_pictures_are(published: Installation) -> None:
    assert "prefers-color-scheme:dark" in text(published, "card/sex.svg")
    assert "<style>:root{color-scheme:light dark}" in text(published, "index.html")  # the canvas asks the root alone


def test_every_file_that_the_card_names_is_there(published: Installation) -> None:
    names = re.findall(r"\]\(([^)]+)\)", text(published, "README.md"))
    names += re.findall(r"(?:manifests|tables)/[\w./-]+\.\w+", text(published, "README.md"))
    names += re.findall(r'(?:href|src)="([^"]+)"', text(published, "index.html"))
    assert len(names) > 12
    assert {f"{ROOT}{name}" for name in names} <= published.contents().keys()


def test_a_release_without_a_sheet_of_images_says_why(published: Installation) -> None:
    assert NO_SHEET in text(published, "README.md").splitlines()
    assert f"<p>{NO_SHEET}</p>" in text(published, "index.html")
    about, tables = committed(published.release, "2026.11").about, open_tables(published.release, "2026.11")
    files = {name: b"".join(pieces).decode() for name, pieces in card(tables, about, has_sheet=True)}
    assert not any(NO_SHEET in content for content in files.values())
    assert CONTACT_SHEET in files["README.md"]


def test_words_of_the_policy_cannot_break_the_page(published: Installation) -> None:
    assert "<h1>Chest &amp; more &lt;one&gt;</h1>" in text(published, "index.html")


def test_the_notes_say_what_changed_and_why(published: Installation) -> None:
    notes = text(published, "NOTES.md")
    assert "## What changed since 2026.10" in notes
    assert "| subject | 1 | 0 | 1 |" in notes
    assert "- instance: 3 withdrawn, no longer in an accepted batch" in notes


def test_pictures_show_what_the_tables_hold(published: Installation) -> None:
    shown = drawn(published)
    assert shown["sex"] == "Female: 3"
    assert shown["race_ethnicity"] == "Asian: 3; White: 3"
    assert shown["modality"] == "CT: 5"
    assert shown["manufacturer"] == "not known: 5"
    assert shown["months"] == "0: 4"
    assert "60-69: 3; 70-79: 0" in shown["age"]
    assert shown["funnel"].startswith(
        "Subjects: 3; with a known index event: 3; with a study of known day: 3; with a test: 0"
    )
    assert shown["stays"] == "2 intervals of 1 persons from day 0 to day 4"


def test_ages_are_counted_with_those_that_are_not_told(published: Installation) -> None:
    usual = open_tables(published.release)["subject"].to_pylist()[0] | {"age_at_index": None, "age_at_index_gt89": None}
    ages = [{"age_at_index": 0}, {"age_at_index": 89}, {"age_at_index_gt89": True}, {}]
    table = pa.Table.from_pylist([usual | age for age in ages], CANONICAL["subject"].schema)
    shown = drawn(published, subject=table)["age"]
    assert shown.startswith("0-9: 1; 10-19: 0")
    assert shown.endswith("80-89: 1; over 89: 1; unknown: 1")


def test_few_vendors_are_named_and_the_rest_is_one_bar(published: Installation) -> None:
    vendors = [f"Vendor {number:02}" for number in range(MOST_VENDORS + 3) for _ in range(2 + (number < MOST_VENDORS))]
    rows = pa.table({"manufacturer": vendors, "modality": ["CT"] * len(vendors)})
    shown = drawn(published, imaging_series=rows)["manufacturer"].split("; ")
    assert (len(shown), shown[-1]) == (MOST_VENDORS + 1, "others: 6")


def test_studies_far_from_the_index_event_are_drawn_at_the_end(published: Installation) -> None:
    rows = pa.table({"day": pa.array([-1, 0, 29, 30, 9999, -9999, None], pa.int32()), "subject_id": ["S"] * 7})
    assert (
        drawn(published, imaging_study=rows)["months"] == f"≤ -{MOST_MONTHS}: 1; -1: 1; 0: 2; 1: 1; ≥ {MOST_MONTHS}: 1"
    )


def test_only_intervals_with_both_ends_are_drawn(published: Installation) -> None:
    events = [
        an_event("e1", "A", start_day=-2, end_day=5),
        an_event("e2", "A", start_day=1, end_day=None),
        an_event("e3", "B", event_type="emergency_visit"),
        an_event("e4", "C", start_day=3, end_day=30),
    ]
    rows = pa.Table.from_pylist(events, CANONICAL["clinical_event"].schema)
    assert drawn(published, clinical_event=rows)["stays"] == "2 intervals of 2 persons from day -2 to day 30"


@pytest.mark.parametrize(
    "picture",
    [
        bar_chart("Nothing & <nobody>", [], unit="subjects"),
        bar_chart(
            "A", [Bar("a label that is much longer than what fits there", 0), Bar("<b>", 1_234_567)], unit="series"
        ),
        column_chart("B", [], unit="studies"),
        column_chart("C", [Bar(str(month), month * month) for month in range(-24, 25)], unit="studies"),
        lane_chart("D", [], ["one"]),
        lane_chart("E", [Span(0, -400, 3, 0), Span(1, 5, 5, 1), Span(39, 0, 4000, 2)], ["one", "two", "three"]),
    ],
)
def test_every_picture_is_sound_and_stays_within_its_edges(picture: str) -> None:
    root = ET.fromstring(picture)  # noqa: S314 -- drawn by us
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == WIDTH
    for part in root.iter(f"{SVG}rect"):
        box = {name: float(part.attrib[name]) for name in ("x", "y", "width", "height")}
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["width"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    for label in root.iter(f"{SVG}text"):
        if label.get("text-anchor") == "end":
            assert 7 * len(label.text or "") <= float(label.attrib["x"])  # px of a wide character at 13 px


def test_bars_are_as_long_as_their_counts() -> None:
    root = ET.fromstring(bar_chart("A", [Bar("a", 50), Bar("b", 100)], unit="series"))  # noqa: S314 -- ours
    short, long = (float(part.attrib["width"]) for part in root.iter(f"{SVG}rect"))
    assert short * 2 == long


def test_the_same_tables_give_the_same_pictures(published: Installation) -> None:
    tables = open_tables(published.release)
    assert pictures(tables) == pictures(tables)
