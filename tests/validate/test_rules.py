"""A seeded fault of every rule trips exactly that rule. All faults lie in one batch, each in a cluster of its own."""

import pytest

from config.rules import Severity
from expectations.schemas.catalog import BATCH
from expectations.suites.catalog import suites
from tasks.validate.crosschecks import flags_of, queries_of
from tasks.validate.frames import frame_of
from tasks.validate.outcome import Outcome
from tasks.validate.running import Expected, run_suites
from tests.validate.builders import Change, Cluster, Row, evidence_of, tables_of

Fault = tuple[str, str, Change]


def put(table: str, place: int, **values: object) -> Change:
    """A fault that is a wrong cell or two."""

    def change(cluster: Cluster) -> None:
        cluster.rows[table][place].update(values)

    return change


CHEST: Row = {
    "loinc_code": "24627-2", "loinc_long_common_name": "CT Chest", "loinc_system": "Chest", "loinc_method": "CT",
}  # fmt: skip
HEAD: Row = {
    "loinc_code": "24725-4", "loinc_long_common_name": "CT Head", "loinc_system": "Head", "loinc_method": "CT",
}  # fmt: skip


def head_in_a_study_of_the_chest(cluster: Cluster) -> None:
    cluster.rows["imaging_study"][0].update(CHEST)
    cluster.rows["imaging_series"][0]["body_part"] = "HEAD"


def two_codes_of_a_description(cluster: Cluster) -> None:
    known = {"study_description_raw": "CT", "loinc_basis": "exact_table", "loinc_confidence": 1.0, "modalities": ["CT"]}
    for row, code in zip(cluster.rows["imaging_study"], (CHEST, HEAD), strict=True):
        row.update(known | code)


def put_settled(**values: object) -> Change:
    def change(cluster: Cluster) -> None:
        for row in cluster.settled[:2]:
            row.update(values)

    return change


def both(*changes: Change) -> Change:
    def change(cluster: Cluster) -> None:
        for one in changes:
            one(cluster)

    return change


def event(number: int, kind: str, start: int | None, end: int | None, **more: object) -> Change:
    """One more event of the second subject, who was in hospital from day -2 to day 4."""

    def change(cluster: Cluster) -> None:
        cluster.rows["clinical_event"].append(cluster.event(number, cluster.second, kind, (start, end), **more))

    return change


def result(number: int, **more: object) -> Change:
    """One more test of the second subject, whose test of day 0 is positive."""

    def change(cluster: Cluster) -> None:
        cluster.rows["test_result"].append(cluster.test(number, cluster.second, **more))

    return change


def diagnosis(code: str, day: int) -> Change:
    """One more diagnosis of the second subject, whose test of day 0 is positive."""

    def change(cluster: Cluster) -> None:
        row = {"condition_id": cluster.id(60), "subject_id": cluster.second, "code": code, "start_day": day}
        cluster.rows["condition"].append(row | {"code_system": "ICD-10"})

    return change


def repeated_key(cluster: Cluster) -> None:
    cluster.rows["condition"].append(dict(cluster.rows["condition"][0]))


def unknown_subject(cluster: Cluster) -> None:
    cluster.rows["condition"][0]["subject_id"] = "Z" * 20


def deaths(cluster: Cluster) -> None:
    for number in (60, 61):
        cluster.rows["clinical_event"].append(cluster.event(number, cluster.second, "death", (4 + number, 4 + number)))


def second_subject_in_a_study(cluster: Cluster) -> None:
    cluster.rows["imaging_instance"][1]["subject_id"] = cluster.second


def same_pixels(first: int, second: int) -> Change:
    def change(cluster: Cluster) -> None:
        rows = cluster.rows["imaging_instance"]
        rows[first]["pixel_sha256"] = rows[second]["pixel_sha256"]

    return change


def no_tests_of_the_second(cluster: Cluster) -> None:
    cluster.rows["test_result"].pop()
    cluster.rows["imaging_study"][1]["days_to_positive_tests"] = []


def day_without_index_event(cluster: Cluster) -> None:
    cluster.rows["subject"][1]["index_event"] = None


US_ONLY: Row = {"country": "MX"}
NEGATIVE = both(
    put("subject", 1, covid19_status="Negative"),
    put("test_result", 1, result="Negative"),
    put("imaging_study", 1, days_to_positive_tests=[], days_to_negative_tests=[-1]),
)

FAULTS: list[Fault] = [
    ("S-KEY-UNIQUE", "condition.condition_id", repeated_key),
    ("S-KEY-UNIQUE", "condition.subject_id", unknown_subject),
    ("S-KEY-UNIQUE", "clinical_event.parent_event_id", put("clinical_event", 1, parent_event_id="f" * 32)),
    ("S-KEY-UNIQUE", "condition.condition_id", put("condition", 0, condition_id=None)),
    ("S-NULL", "subject.race", put("subject", 0, race=None)),
    ("S-ENUM", "subject.sex", put("subject", 1, sex="ZZCANARY")),
    ("S-ENUM", "subject.race_ethnicity", put("subject", 1, race_ethnicity=["White", "Martian"])),
    ("S-ENUM", "subject.race_ethnicity", put("subject", 1, race_ethnicity=["White", "White"])),
    ("S-ENUM", "subject.country", put("subject", 1, country="USA", zip3=None)),
    ("S-ENUM", "imaging_series.sop_class_uid", put("imaging_series", 0, sop_class_uid="1.2.3", modality="MR")),
    ("S-FORM", "condition.condition_id", put("condition", 0, condition_id="PATIENT-1")),
    ("S-FORM", "imaging_instance.pixel_sha256", put("imaging_instance", 0, pixel_sha256="ab")),
    ("S-RANGE", "clinical_event.who_scale_floor", put("clinical_event", 2, who_scale_floor=11)),
    ("S-RANGE", "imaging_instance.frames", put("imaging_instance", 0, frames=0)),
    ("D-AGE-RANGE", "subject.age_at_index", both(
        put("subject", 0, age_at_index=-1),
        put("imaging_study", 0, age_at_study=None, age_at_study_gt89=None),
        put_settled(patient_age_years=None, patient_age_gt89=None),
    )),
    ("D-AGE-89", "subject", put("subject", 0, age_at_index_gt89=True)),
    ("D-AGE-89", "subject", put("subject", 0, age_at_index=None)),
    ("D-AGE-89", "imaging_study", put("imaging_study", 0, age_at_study_gt89=None)),
    ("D-AGE-AGREE", "imaging_study", put("imaging_study", 0, age_at_study=53)),
    ("D-AGE-DICOM", "imaging_study", put_settled(patient_age_years=47)),
    ("D-AGE-DICOM", "imaging_study", put_settled(patient_age_years=None, patient_age_gt89=True)),
    ("D-SEX-DICOM", "subject", put_settled(patient_sex="M")),
    ("D-ZIP", "subject.zip3", put("subject", 0, zip3="6061")),
    ("D-ZIP", "subject.zip3", put("subject", 0, zip3="036")),
    ("D-ZIP", "subject.country", put("subject", 0, **US_ONLY)),
    ("C-STAY-ORDER", "clinical_event.end_day+start_day", put("clinical_event", 3, start_day=5, end_day=3)),
    ("C-ICU-IN-HOSP", "clinical_event", put("clinical_event", 0, end_day=7)),
    ("C-VENT-IN-STAY", "clinical_event", put("clinical_event", 2, end_day=12)),
    ("C-LOS", "clinical_event", put("clinical_event", 3, end_day=400)),
    ("C-OVERLAP", "clinical_event", event(60, "hospital_stay", 3, 9)),
    ("C-DEATH", "clinical_event", deaths),
    ("C-DEATH", "clinical_event", event(60, "death", -3, -3)),
    ("C-DEATH", "clinical_event", put("clinical_event", 3, discharge="expired")),
    ("C-FLAG-DERIVED", "subject.ever_icu", put("subject", 0, ever_icu="No")),
    ("C-FLAG-DERIVED", "subject.ever_icu", put("subject", 1, ever_icu="Yes")),
    ("C-FLAG-DERIVED", "subject.ever_ventilated", put("subject", 0, ever_ventilated="Not Reported")),
    ("C-INDEX", "subject", day_without_index_event),
    ("C-DAY-RANGE", "condition.start_day", put("condition", 0, start_day=4000)),
    ("T-ANTIBODY", "subject", both(
        put("test_result", 1, test_class="antibody"), put("imaging_study", 1, days_to_positive_tests=[]),
    )),
    ("T-COVID-POS", "subject", both(
        put("test_result", 1, result="Indeterminate"), put("imaging_study", 1, days_to_positive_tests=[]),
    )),
    ("T-LONG-COVID", "subject", diagnosis("U09.9", 0)),
    ("T-LONG-COVID", "subject", both(diagnosis("U09.9", 90), put("subject", 1, covid19_status="Indeterminate"))),
    ("T-COVID-POS", "subject", put("subject", 1, covid19_status="Negative")),
    ("T-INDEX-TEST", "subject", both(no_tests_of_the_second, put("subject", 1, covid19_status="Not Reported"))),
    ("T-NEG-POS", "test_result", both(
        result(60, result="Negative"),
        put("imaging_study", 1, days_to_negative_tests=[-1]),
        put("subject", 1, covid19_status="Indeterminate"),
    )),
    ("I-STUDY-DAY", "imaging_study", both(
        put("imaging_study", 0, day=-1, days_to_positive_tests=[1]),
    )),
    ("I-TEST-DELTA", "imaging_study.positive", put("imaging_study", 0, days_to_positive_tests=[1])),
    ("I-TEST-DELTA", "imaging_study.negative", put("imaging_study", 0, days_to_negative_tests=[5])),
    ("I-UID-TREE", "imaging_instance", second_subject_in_a_study),
    ("I-COUNT", "imaging_study", put("imaging_study", 0, n_series=2)),
    ("I-COUNT", "imaging_study", put("imaging_study", 0, n_instances=3)),
    ("I-COUNT", "imaging_series", put("imaging_series", 0, n_bytes=204)),
    ("I-COUNT", "imaging_instance", put("imaging_instance", 0, md5="0" * 32)),
    ("I-MODALITY", "imaging_series", put("imaging_series", 1, modality="CR")),
    ("I-DUP-PIXEL", "imaging_instance", same_pixels(0, 1)),
    ("I-DUP-PIXEL", "imaging_instance.subject_id", same_pixels(0, 2)),
    ("L-LOINC-CHECK", "imaging_study", put("imaging_study", 0, loinc_code="36643-4")),
    ("L-LOINC-CHECK", "imaging_study", put("imaging_study", 0, loinc_code="94500-6")),
    ("L-LOINC-ATTR", "imaging_study", put("imaging_study", 0, **CHEST | {"loinc_contrast": "W"})),
    ("L-LOINC-UNIQUE", "imaging_study", two_codes_of_a_description),
    ("I-BODYPART", "imaging_series", head_in_a_study_of_the_chest),
]  # fmt: skip

SOUND: list[tuple[str, Change]] = [
    ("nothing changed", put("subject", 0)),
    ("negative by a negative test", NEGATIVE),
    ("positive by a diagnosis alone", both(
        no_tests_of_the_second, put("subject", 1, index_event="Study Enrollment"),
        lambda cluster: cluster.rows["condition"].append(
            {"condition_id": cluster.id(60), "subject_id": cluster.second, "code": "U07.1", "code_system": "ICD-10"}
        ),
    )),
    ("a negative test that harmonize holds decides nothing", both(
        result(60, result="Negative", day=3),
        lambda cluster: cluster.holds.append(
            {"table": "test_result", "key": cluster.id(60), "rule_id": "C-FUTURE"}
        ),
    )),
    ("long COVID after the first positive test", diagnosis("U09.9", 90)),
    ("an antibody beside a positive test", result(60, test_class="antibody", day=3)),
    ("an age over 89 that is not shown", both(
        put("subject", 0, age_at_index=None, age_at_index_gt89=True),
        put("imaging_study", 0, age_at_study=None, age_at_study_gt89=True),
        put_settled(patient_age_years=None, patient_age_gt89=True),
    )),
    ("an unknown end", put("clinical_event", 3, end_day=None, end_status="ongoing")),
    ("an ICU stay without days", both(
        event(60, "icu_stay", None, None), put("subject", 1, ever_icu="Yes"),
    )),
    ("death on the last day in hospital", both(
        put("clinical_event", 3, discharge="expired"), event(60, "death", 4, 4),
    )),
    ("a transfer on one day", event(60, "hospital_stay", 4, 9)),
    ("images that say nothing of sex", put_settled(patient_sex="O")),
    ("a study without a date", both(
        put("imaging_study", 0, day=None, days_to_positive_tests=[]), put_settled(study_date_shifted=None),
    )),
    ("a sound LOINC code", put("imaging_study", 0, **CHEST)),
    ("a body part of the region", both(put("imaging_study", 0, **CHEST), put("imaging_series", 0, body_part="LUNG"))),
]  # fmt: skip


@pytest.fixture(scope="module")
def clusters() -> list[Cluster]:
    made = []
    for number, change in enumerate([fault[2] for fault in FAULTS] + [case[1] for case in SOUND]):
        cluster = Cluster(number)
        change(cluster)
        made.append(cluster)
    return made


@pytest.fixture(scope="module")
def outcomes(clusters: list[Cluster]) -> list[Outcome]:
    tables, evidence = tables_of(clusters), evidence_of(clusters)
    flags = flags_of(tables, evidence)
    frames = {name: frame_of(table, BATCH[name], flags[name]) for name, table in tables.items()}
    instances = len(evidence["settled"])
    results = run_suites(frames, {name: Expected(1, instances) for name in frames})
    return [outcome for one in results for outcome in one.outcomes]


@pytest.fixture(scope="module")
def tripped(clusters: list[Cluster], outcomes: list[Outcome]) -> list[set[tuple[str, str]]]:
    """Rule and place of all that every cluster tripped."""
    owner = {name: [cluster.number for cluster in clusters for _ in cluster.rows[name]] for name in clusters[0].rows}
    found: list[set[tuple[str, str]]] = [set() for _ in clusters]
    for outcome in outcomes:
        for row in outcome.rows:
            found[owner[outcome.table][row]].add((outcome.rule_id, outcome.where))
    return found


NUMBERED = [
    pytest.param(number, rule_id, where, id=f"{rule_id}-{where}-{number}")
    for number, (rule_id, where, _) in enumerate(FAULTS)
]


@pytest.mark.parametrize(("number", "rule_id", "where"), NUMBERED)
def test_a_seeded_fault_trips_its_rule_and_no_other(
    number: int, rule_id: str, where: str, tripped: list[set[tuple[str, str]]]
) -> None:
    assert tripped[number] == {(rule_id, where)}


@pytest.mark.parametrize(("number", "name"), [(place, case[0]) for place, case in enumerate(SOUND, len(FAULTS))])
def test_what_is_sound_trips_nothing(number: int, name: str, tripped: list[set[tuple[str, str]]]) -> None:
    assert not tripped[number], name


def test_no_expectation_is_broken_and_only_rows_fail(outcomes: list[Outcome]) -> None:
    assert [outcome for outcome in outcomes if outcome.broken] == []
    assert [outcome for outcome in outcomes if not outcome.success and not outcome.rows] == []


def test_every_rule_of_a_suite_has_a_seeded_fault() -> None:
    rules = {expectation.meta["rule_id"] for suite in suites().values() for expectation in suite.expectations}
    elsewhere = {"S-SCHEMA", "S-EMPTY", "S-NO-CLINICAL"}  # test_degenerate.py: of tables as a whole
    assert rules - elsewhere == {rule_id for rule_id, _, _ in FAULTS}


def test_every_flag_that_a_suite_asks_for_has_a_query_and_the_other_way_round() -> None:
    for name, suite in suites().items():
        asked = {expectation.column for expectation in suite.expectations if hasattr(expectation, "column")}
        flags = [flag for flag, _ in queries_of(BATCH[name])]
        assert {column for column in asked if column.startswith("breaks_")} == set(flags)
        assert len(flags) == len(set(flags))


def test_the_same_pixels_under_two_subjects_hold_the_rows_and_under_one_are_only_reported(
    outcomes: list[Outcome],
) -> None:
    severities = {outcome.where: outcome.severity for outcome in outcomes if outcome.rule_id == "I-DUP-PIXEL"}
    assert severities == {"imaging_instance": Severity.WARN, "imaging_instance.subject_id": Severity.BLOCK}
