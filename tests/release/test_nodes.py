import csv
import hashlib

import pyarrow as pa
import pytest

from config.release.nodes import midrc_nodes
from expectations.schemas.catalog import CANONICAL
from tasks.release.build import build_release
from tasks.release.nodes import header, node_findings, separated
from tasks.release.reading import open_tables
from tests.release.batches import Batch, Installation, a_condition, a_test, an_event, some_images

FOLDER = "releases/2026.11/midrc/"
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def nodes() -> dict[str, Rows]:
    """The node tables of a release with something of everything."""
    made = Installation()
    events = [
        an_event("stay", "SUBJECTA", start_day=0, end_day=9),
        an_event(
            "icu1", "SUBJECTA", event_type="icu_stay", parent_event_id="stay", start_day=1, end_day=2, discharge=None
        ),
        an_event(
            "icu2", "SUBJECTA", event_type="icu_stay", parent_event_id="stay", start_day=5, end_day=6, discharge=None
        ),
        an_event("alone", "SUBJECTB", event_type="icu_stay", discharge=None),
        an_event("tube", "SUBJECTB", event_type="breathing_support", device="imv", discharge=None),
        an_event("plain", "SUBJECTC"),
    ]
    Batch(
        "site-a/batch-1",
        [
            *some_images("SUBJECTA", study="1", series=2),
            *some_images("SUBJECTB", study="2"),
            *some_images("SUBJECTC", study="3"),
        ],
        subjects={
            "SUBJECTA": {"sex": "Other", "ever_icu": "Yes"},
            "SUBJECTB": {"age_at_index": None, "age_at_index_gt89": True, "covid19_status": "Negative"},
            "SUBJECTC": {"race": "Mestizo", "race_scheme": "other", "country": "MX", "zip3": None},
        },
        events=events,
        tests=[a_test("t1", "SUBJECTA", -2), {**a_test("t2", "SUBJECTA", 3), "test_class": "antibody"}],
        conditions=[{**a_condition("c1", "SUBJECTA", 0), "name": "a\tname\nin lines"}],
        studies={"2.25.1": {"days_to_positive_tests": [-5, 2], "study_description_raw": "CHEST, AP"}},
    ).write(made.work)
    build_release("2026.11", context=made.context)
    files = {key.removeprefix(FOLDER): data for key, data in made.contents().items() if key.startswith(FOLDER)}
    return {
        name.removesuffix(".tsv"): list(csv.DictReader(data.decode().split("\n")[:-1], delimiter="\t"))
        for name, data in files.items()
    }


def by_id(rows: Rows) -> dict[str, dict[str, str]]:
    return {row["submitter_id"]: row for row in rows}


def test_every_node_has_the_columns_that_its_dictionary_requires_and_no_other(nodes: dict[str, Rows]) -> None:
    assert set(nodes) == {
        "case", "imaging_study", "ct_series_file", "visit", "procedure", "measurement", "condition"
    }  # fmt: skip
    for name, rows in nodes.items():
        properties = midrc_nodes()[name]
        assert set(rows[0]) <= {one.column for one in properties}
        assert all(row[one.column] for row in rows for one in properties if one.is_required)
        assert {row["type"] for row in rows} == {name}


def test_every_link_leads_to_a_record(nodes: dict[str, Rows]) -> None:
    for row in [row for rows in nodes.values() for row in rows]:
        assert row.get("cases.submitter_id", "SUBJECTA") in by_id(nodes["case"])
        assert row.get("imaging_studies.submitter_id", "2.25.1") in by_id(nodes["imaging_study"])


def test_words_that_the_dictionary_does_not_have_become_its_word_for_not_reported(nodes: dict[str, Rows]) -> None:
    cases = by_id(nodes["case"])
    assert (cases["SUBJECTA"]["sex"], cases["SUBJECTA"]["icu_indicator"]) == ("Not Reported", "true")
    assert (cases["SUBJECTB"]["age_at_index"], cases["SUBJECTB"]["age_at_index_gt89"]) == ("", "Yes")
    assert [cases[name]["covid19_positive"] for name in sorted(cases)] == ["Yes", "No", "Yes"]
    assert (cases["SUBJECTC"]["race"], cases["SUBJECTC"]["zip"]) == ("Not Reported", "")


def test_every_stay_in_intensive_care_is_a_visit_of_its_hospital_stay(nodes: dict[str, Rows]) -> None:
    visits = by_id(nodes["visit"])
    names = [
        "days_to_hospital_admission",
        "days_to_hospital_discharge",
        "days_to_icu_admission",
        "days_to_icu_discharge",
    ]
    assert {name: [row[one] for one in names] for name, row in visits.items()} == {
        "icu1": ["0", "9", "1", "2"], "icu2": ["0", "9", "5", "6"],
        "alone": ["", "", "0", "4"], "plain": ["0", "4", "", ""],
    }  # fmt: skip


def test_only_tests_that_the_dictionary_has_a_method_for_are_measurements(nodes: dict[str, Rows]) -> None:
    (row,) = nodes["measurement"]
    assert (row["submitter_id"], row["test_method"], row["test_days_from_index"]) == ("t1", "RT-PCR", "-2")


def test_a_series_is_a_bundle_of_its_objects(nodes: dict[str, Rows]) -> None:
    images = some_images("SUBJECTA", study="1", series=2)
    for uid, row in by_id(nodes["ct_series_file"]).items():
        mine = [image for image in images if image.series == uid] or some_images(
            "SUBJECTB" if uid == "2.25.2.1" else "SUBJECTC", study=uid.split(".")[2]
        )
        digests = sorted(hashlib.md5(image.data, usedforsecurity=False).hexdigest() for image in mine)
        assert row["md5sum"] == hashlib.md5("".join(digests).encode(), usedforsecurity=False).hexdigest()
        assert int(row["file_size"]) == sum(len(image.data) for image in mine)


def test_no_value_breaks_a_row(nodes: dict[str, Rows]) -> None:
    assert nodes["condition"][0]["condition_name"] == "a name in lines"
    study = by_id(nodes["imaging_study"])["2.25.1"]
    assert (study["study_description"], study["days_from_study_to_pos_covid_test"]) == ("CHEST, AP", "-5,2")


@pytest.mark.parametrize(
    ("column", "value", "place"),
    [
        ("age_at_index", "90", "case.age_at_index"),
        ("age_at_index", "61 years", "case.age_at_index"),
        ("sex", "F", "case.sex"),
        ("icu_indicator", "Yes", "case.icu_indicator"),
        ("race_ethnicity", "White,Martian", "case.race_ethnicity"),
        ("datasets", None, "case.datasets"),
        ("submitter_id", None, "case.submitter_id"),
    ],
)
def test_what_the_dictionary_does_not_allow_is_found(column: str, value: str | None, place: str) -> None:
    sound = {"type": "case", "submitter_id": "S", "datasets": "c", "age_at_index": "61", "sex": "Female"}
    rows = pa.table({name: pa.array([text], pa.string()) for name, text in (sound | {column: value}).items()})
    assert [(one.rule_id, one.place, one.count) for one in node_findings({"case": rows})] == [("R-NODES", place, 1)]


def test_a_required_column_that_is_not_there_is_found_in_every_row() -> None:
    rows = pa.table({"type": ["case", "case"], "submitter_id": ["1", "2"]})
    assert [(one.place, one.count) for one in node_findings({"case": rows})] == [("case.datasets", 2)]


def test_the_dictionary_allows_every_word_of_ours_that_is_handed_on() -> None:
    """A word of ours that the dictionary lacks would stop a release that has it."""
    case = {one.name: one.values for one in midrc_nodes()["case"]}
    for column in ("index_event", "race_ethnicity"):
        values = CANONICAL["subject"].schema.field(column).metadata[b"values"].decode().split("|")
        assert set(values) <= case[column]


def test_nothing_known_is_an_empty_cell() -> None:
    rows = pa.table({"a": pa.array(["1", None]), "b": pa.array([None, "2"], pa.string())})
    assert header(("a", "b")) + b"".join(separated(rows)) == b"a\tb\n1\t\n\t2\n"


def test_a_modality_without_a_node_is_in_our_tables_only() -> None:
    made = Installation()
    batch = Batch(
        "site-a/batch-1",
        some_images("SUBJECTA", study="1"),
        changed={"imaging_series": lambda rows: rows.set_column(3, rows.schema.field(3), pa.array(["SEG"]))},
    )
    batch.write(made.work)
    build_release("2026.11", context=made.context)
    assert not any(key.endswith("_series_file.tsv") for key in made.contents())
    assert open_tables(made.release)["imaging_series"]["modality"].to_pylist() == ["SEG"]
