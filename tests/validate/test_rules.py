"""A seeded fault of every rule trips exactly that rule. All faults lie in one batch, each in a cluster of its own."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.rules import Severity
from expectations.schemas.pipeline import MARGINALS
from expectations.suites.catalog import suites
from expectations.suites.cross_table import checks
from tasks.validate.checking import results_of
from tasks.validate.database import opened
from tasks.validate.facts import queries
from tasks.validate.marginals import marginal_facts, marginals_of
from tasks.validate.outcome import Outcome
from tests.validate.builders import Change, Cluster, Row, evidence_of, found_of
from tests.validate.runs import of_site

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
        (other,) = {0, 1, 2} - {first, second}
        rows[other]["pixel_sha256"] = None  # a null hides nothing

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
    ("C-STAY-ORDER", "condition.end_day+start_day", put("condition", 0, start_day=5, end_day=3)),
    ("C-STAY-ORDER", "medication.end_day+start_day", put("medication", 0, start_day=5, end_day=3)),
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
    ("I-TEST-DELTA", "imaging_study.days_to_positive_tests", put("imaging_study", 0, days_to_positive_tests=[1])),
    ("I-TEST-DELTA", "imaging_study.days_to_negative_tests", put("imaging_study", 0, days_to_negative_tests=[5])),
    ("I-UID-TREE", "imaging_instance", second_subject_in_a_study),
    ("I-COUNT", "imaging_study", put("imaging_study", 0, n_series=2)),
    ("I-COUNT", "imaging_study", put("imaging_study", 0, n_instances=3)),
    ("I-COUNT", "imaging_series", put("imaging_series", 0, n_bytes=204)),
    ("I-COUNT", "imaging_instance.sha256+md5+size", put("imaging_instance", 0, md5="0" * 32)),
    ("D-AGE-UNIT", "imaging_instance", both(
        put("subject", 0, age_at_index=None, age_at_index_gt89=None),
        put("imaging_study", 0, age_at_study=None, age_at_study_gt89=None),
        put_settled(patient_age_years=120),
    )),
    ("S-NULL", "imaging_instance.sha256", both(
        put("imaging_instance", 0, sha256=None), lambda cluster: cluster.settled[0].update(sha256=None),
    )),
    ("S-ENUM", "imaging_instance.deid_pixel", put("imaging_instance", 0, deid_pixel="ZZCANARY")),
    ("S-KEY-UNIQUE", "imaging_instance.series_uid", both(
        put("imaging_instance", 0, series_uid="2.25.7"), put("imaging_series", 0, n_instances=1, n_bytes=102),
    )),
    ("I-MODALITY", "imaging_series", put("imaging_series", 1, modality="CR")),
    ("I-DUP-PIXEL", "imaging_instance.pixel_sha256", same_pixels(0, 1)),
    ("I-DUP-PIXEL", "imaging_instance.subject_id+pixel_sha256", same_pixels(0, 2)),
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
def outcomes(clusters: list[Cluster], tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return outcomes_of(clusters, tmp_path_factory.mktemp("rules"))


def outcomes_of(clusters: list[Cluster], folder: Path, **instead: pa.Table) -> list[Outcome]:
    found = found_of(clusters, folder, instead=instead)
    with opened({**found.tables, **found.evidence}, folder) as database:
        return [
            outcome
            for one in results_of(found, of_site(), database, marginals_of(database))
            for outcome in one.outcomes
        ]


@pytest.fixture(scope="module")
def tripped(clusters: list[Cluster], outcomes: list[Outcome]) -> list[set[tuple[str, str]]]:
    """Rule and place of all that every cluster tripped."""
    owner = {name: [cluster.number for cluster in clusters for _ in cluster.rows[name]] for name in clusters[0].rows}
    found: list[set[tuple[str, str]]] = [set() for _ in clusters]
    for outcome in outcomes:
        for row in outcome.rows.to_pylist():
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
    without_rows = {outcome.rule_id for outcome in outcomes if not outcome.success and not len(outcome.rows)}
    assert without_rows == {"S-COMPLETE"}  # the clusters name no vendors and no body parts


def lost_event(cluster: Cluster) -> None:
    cluster.sent.append("f" * 32)


def no_source(cluster: Cluster) -> None:
    """An event that no source row tells of."""
    cluster.rows["clinical_event"].append(cluster.event(60, cluster.second, "hospital_stay", (40, 50)))


def two_sources(table: pa.Table) -> pa.Table:
    """Two source UIDs became one."""
    return pa.concat_tables([table, table.slice(0, 1).set_column(1, table.schema.field(1), pa.array(["1.2.4"]))])


def its_own_source(table: pa.Table) -> pa.Table:
    """A UID was left as it was."""
    return table.set_column(
        2, table.schema.field(2), pc.if_else(pc.equal(table["kind"], "study"), table["id_old"], table["id_new"])
    )


def unknown_series(table: pa.Table) -> pa.Table:
    """A series has a UID that nobody gave."""
    return table.filter(pc.not_equal(table["kind"], "series"))


def failures(outcomes: list[Outcome]) -> set[tuple[str, str, int]]:
    return {(one.rule_id, one.where, one.failed) for one in outcomes if not one.success}


def test_an_event_that_was_sent_and_is_not_there_stops_the_batch(tmp_path: Path) -> None:
    cluster = Cluster()
    lost_event(cluster)
    assert failures(outcomes_of([cluster], tmp_path)) == {("C-REPEAT", "clinical_event", 1)}


def test_an_event_that_nobody_sent_stops_the_batch_unless_it_is_a_death_that_a_discharge_tells_of(
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    lineage = evidence_of([cluster])["lineage"]
    no_source(cluster)
    assert failures(outcomes_of([cluster], tmp_path / "stay", lineage=lineage)) == {("C-REPEAT", "clinical_event", 1)}
    cluster.rows["clinical_event"][-1].update(event_type="death", start_day=50)
    assert failures(outcomes_of([cluster], tmp_path / "death", lineage=lineage)) == set()


@pytest.mark.parametrize(("change", "count"), [(two_sources, 1), (its_own_source, 4), (unknown_series, 2)])
def test_a_uid_that_was_not_made_of_one_source_uid_stops_the_batch(
    change: Callable[[pa.Table], pa.Table], count: int, tmp_path: Path
) -> None:
    crosswalk = change(evidence_of([Cluster()])["crosswalk"])
    assert failures(outcomes_of([Cluster()], tmp_path, crosswalk=crosswalk)) == {
        ("I-UID-REFS", "imaging_series", count)
    }


# tested above, in test_degenerate.py and in test_marginals.py
OF_WHOLE_TABLES = {"S-SCHEMA", "S-EMPTY", "S-NO-CLINICAL", "C-REPEAT", "I-UID-REFS", "S-COMPLETE", "S-DRIFT"}


def test_every_rule_of_a_suite_has_a_seeded_fault() -> None:
    of_batches = [suite for name, suite in suites().items() if name != "release"]
    rules = {expectation.meta["rule_id"] for suite in of_batches for expectation in suite.expectations}
    assert rules - OF_WHOLE_TABLES == {rule_id for rule_id, _, _ in FAULTS}


def test_every_check_has_a_query_and_the_other_way_round() -> None:
    asked = [name for name, _ in queries()]
    asked += marginal_facts(MARGINALS.schema.empty_table(), MARGINALS.schema.empty_table(), {})
    assert sorted(asked) == sorted(check.name for check in checks())
    assert len(asked) == len(set(asked))


def test_what_an_expectation_says_is_said_once_in_its_suite() -> None:
    for suite in suites().values():
        texts = [expectation.description for expectation in suite.expectations]
        assert len(texts) == len(set(texts)), suite.name


def test_the_same_pixels_under_two_subjects_hold_the_rows_and_under_one_are_only_reported(
    outcomes: list[Outcome],
) -> None:
    severities = {outcome.where: outcome.severity for outcome in outcomes if outcome.rule_id == "I-DUP-PIXEL"}
    assert severities == {
        "imaging_instance.pixel_sha256": Severity.WARN,
        "imaging_instance.subject_id+pixel_sha256": Severity.BLOCK,
    }
