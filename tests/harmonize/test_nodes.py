"""Tables of nodes by the built-in profile: days in place of dates meet images that have dates."""

import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from config.nodes import profile_names
from config.site import Site
from tasks.harmonize.drafting.draft import draft_site
from tasks.harmonize.drafting.site_file import site_file
from tasks.intake.declaration import Declared, Form, form_of, parse_declaration

SITE = 'profile = "gen3-nodes"\n[index]\nevent = "COVID-19 Test"\n'
INDEX = date(2020, 4, 1)
TABLE = '[[tables]]\npattern = "*"\n[tables.columns]\nid = "patient_id"\n'
CASES = """
    type | submitter_id | sex    | age_at_index | age_at_index_gt89 | race  | zip | covid19_positive | icu_indicator | index_event      | site_id
    case | c1           | Female | 61.0         | No                | Asian | 606 | Yes              | True          | First COVID test | 419639
    case | c2           | Male   |              | Yes               | White | 606 | Not Reported     |               |                  | 419639
    case | c3           | Male   | 30           | No                | White | 606 | Not Reported     |               | First Imaging Study | 419639
"""  # noqa: E501 -- a table that people can read
STUDIES = """
    type          | submitter_id | cases.submitter_id | study_uid | days_to_study | study_year
    imaging_study | s            | c1                 | 1.2.3     | 4             | 2020
    imaging_study | s            | c1                 | 1.2.4     | -2            | 2020
    imaging_study | s            | c2                 | 1.2.5     | 4             | 2020
    imaging_study | s            | c2                 | 1.2.6     | 2             | 2020
    imaging_study | s            | c1                 | x         | 2             | 2020
"""
VISITS = """
    type  | submitter_id | case_ids | days_to_hospital_admission | days_to_hospital_discharge | discharge_type | days_to_icu_admission | days_to_icu_discharge
    visit | v1           | c1       | -1                         | 12.0                       | Home           | 2.0                   | 5.0
    visit | v2           | c2       | 0                          | soon                       | Home           |                       |
"""  # noqa: E501 -- a table that people can read
MEASUREMENTS = """
    type        | submitter_id | cases.submitter_id | test_name | test_method | test_result_text | test_days_from_index
    measurement | m1           | c1                 | COVID-19  | RT-PCR      | Positive         | 0
"""
CONDITIONS = """
    type      | submitter_id | cases.submitter_id | condition_code | condition_code_system | condition_name | days_to_condition_start
    condition | k1           | c1                 | U07.1          | ICD-10                | COVID-19       | \N{MINUS SIGN}1
"""  # noqa: E501 -- a table that people can read
PROCEDURES = """
    type      | submitter_id | cases.submitter_id | procedure_name    | breathing_support_type | days_to_procedure_start | days_to_procedure_end
    procedure | p1           | c1                 | Breathing Support | Intubated              | 2                       | 4
"""  # noqa: E501 -- a table that people can read


MEDICATIONS = """
    type       | submitter_id | cases.submitter_id | medication_name | medication_code | medication_code_system | days_to_medication_start | days_to_medication_end
    medication | m1           | c1                 | Dexamethasone   | H02AB02         | ATC                    | 1                        | 6
"""  # noqa: E501 -- a table that people can read


def tsv(text: str) -> str:
    return "\n".join("\t".join(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines()) + "\n"


def nodes(**others: str) -> dict[str, str]:
    found = {"case": CASES, "imaging_study": STUDIES, "visit": VISITS, "measurement": MEASUREMENTS,
             "condition": CONDITIONS, "procedure": PROCEDURES}  # fmt: skip
    return {f"{node}_RSNA_20210101.tsv": tsv(text) for node, text in (found | others).items()}


@pytest.fixture
def batch(curate: Any, images: Callable[[], Any]) -> Any:
    found = images()
    found.add("c1", INDEX + timedelta(days=4), study="1.2.3").add("c1", INDEX - timedelta(days=2), study="1.2.4")
    found.add("c2", INDEX + timedelta(days=4), study="1.2.5").add("c2", INDEX - timedelta(days=2), study="1.2.6")
    found.add("c3", INDEX, study="1.2.7").add("c3", INDEX + timedelta(days=9), study="1.2.8")
    found.add("c4", INDEX, study="1.2.9")
    return curate(SITE, nodes(), found.rows)


def days(batch: Any, patient: str) -> list[int | None]:
    return sorted((row["day"] for row in batch.of("imaging_study", patient)), key=str)


def test_days_of_the_tables_stay_as_they_were_sent(batch: Any) -> None:
    events = {(row["event_type"], row["start_day"], row["end_day"]) for row in batch.of("clinical_event", "c1")}
    assert events == {("hospital_stay", -1, 12), ("icu_stay", 2, 5), ("breathing_support", 2, 4)}
    (test,) = batch.of("test_result", "c1")
    assert (test["day"], test["test_class"], test["result"]) == (0, "naat", "Positive")
    assert [row["start_day"] for row in batch.of("condition", "c1")] == [-1]


def test_people_are_as_the_case_node_says(batch: Any) -> None:
    first, second = batch.subject("c1"), batch.subject("c2")
    assert [
        first[name] for name in ("sex", "age_at_index", "race_ethnicity", "zip3", "covid19_status", "ever_icu")
    ] == [
        "Female",
        61,
        ["Asian"],
        "606",
        "Positive",
        "Yes",
    ]
    assert (second["age_at_index"], second["age_at_index_gt89"]) == (None, True)
    events = [batch.subject(patient)["index_event"] for patient in ("c1", "c2", "c3", "c4")]
    assert events == ["COVID-19 Test", "COVID-19 Test", "First Imaging Study", "First Imaging Study"]


def test_studies_get_their_days_from_what_the_site_states_of_them(batch: Any) -> None:
    assert days(batch, "c1") == [-2, 4]
    (study,) = [row for row in batch.of("imaging_study", "c1") if row["day"] == 4]
    assert study["days_to_positive_tests"] == [-4]


def test_a_lost_minus_sign_leaves_the_days_of_that_subject_open(batch: Any) -> None:
    assert days(batch, "c2") == [None, None]
    assert batch.findings["H-STUDY-DAY", "imaging_study.day"] == 1


def test_without_stated_days_the_first_study_is_day_0_where_it_is_the_index_event(batch: Any) -> None:
    assert days(batch, "c3") == [0, 9]
    assert days(batch, "c4") == [0], "nobody told of this subject"


def test_what_is_wrong_is_found_and_nothing_else(batch: Any) -> None:
    assert {rule for rule, _ in batch.findings} == {
        "H-STUDY-DAY", "S-DATE", "S-UNMAPPED", "H-FLOAT", "I-ORPHAN-IMAGE",
    }  # fmt: skip
    assert batch.findings["S-UNMAPPED", "study.uid"] == 1
    assert batch.private("rows") == [
        "s01/b1/imaging_study_RSNA_20210101.tsv,6,S-UNMAPPED,study_uid",
        "s01/b1/visit_RSNA_20210101.tsv,3,S-DATE,days_to_hospital_discharge",
    ]


def test_other_nodes_and_manifests_are_not_wanted(curate: Any) -> None:
    files = nodes() | dict.fromkeys(("ct_series_file_R_1.tsv", "x/image_manifest_R_1.tsv"), "a\tb\n1\t2\n")
    assert not any(rule == "H-UNDECLARED" for rule, _ in curate(SITE, files).findings)


def test_an_image_manifest_is_the_declaration_of_its_batch() -> None:
    text = (
        "file_name\tmd5sum\tacl\tstorage_urls\tfile_size\tcase_ids\tstudy_uid\tseries_uid\tmodality\n"
        f"c1/1.2.3/1.dcm\t{'a' * 32}\t['Open']\ts3://x\t512\tc1\t1.2.3\t1.2.3.4\tCT\n"
    )
    form = form_of("image_manifest_RSNA_20210101.tsv")
    assert form is Form.TSV
    (declared,) = parse_declaration(form, text.encode()).values()
    assert declared == Declared("c1/1.2.3/1.dcm", 512, None, "a" * 32)


def test_a_sites_own_tables_go_before_those_of_the_profile() -> None:
    own = [{"pattern": name, "columns": {"id": "patient_id"}} for name in ("x.csv", "case_*.tsv")]
    site = Site(code="s01", profile="gen3-nodes", tables=own, not_read=["x*"])  # as a file says it
    assert [table.pattern for table in site.tables][:3] == ["x.csv", "case_*.tsv", "imaging_study_*.tsv"]
    assert site.not_read[0] == "x*"
    assert Site(**site.model_dump()) == site
    assert Site(code="s01", profile="gen3-nodes").digest != Site(code="s01").digest


def test_every_profile_is_a_site_file() -> None:
    assert profile_names() == ["gen3-nodes"]
    for name in profile_names():
        assert Site(code="s01", profile=name).tables


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('profile = "none"', "is none of gen3-nodes"),
        (TABLE + 'd = { field = "death.start", date = "days" }', "belong together"),
        ('[index]\nfound_by = "day_zero"\n' + TABLE + 'd = "death.start"', "belong together"),
        ('profile = "gen3-nodes"\n' + TABLE + 'd = "death.start"', "not both"),
    ],
)  # fmt: skip
def test_a_site_sends_days_or_dates(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Site(**({"code": "s01"} | tomllib.loads(text)))


def test_a_draft_knows_the_form() -> None:
    files = [(name, text.encode()) for name, text in nodes().items()]
    draft = draft_site("s09", [*files, ("people.csv", b"mrn,sex\n1,F\n2,M\n")])
    assert draft.profile == "gen3-nodes"
    assert [pattern for pattern, _ in draft.tables] == ["people*.csv"]
    text = site_file(draft_site("s09", files), "b1")
    assert 'profile = "gen3-nodes"' in text


def test_drugs_by_their_code(curate: Any) -> None:
    batch = curate(SITE, nodes(medication=MEDICATIONS))
    (drug,) = batch.table("medication")
    assert (drug["code"], drug["code_system"], drug["name"]) == ("H02AB02", "ATC", None)
    assert (drug["start_day"], drug["end_day"]) == (1, 6)
