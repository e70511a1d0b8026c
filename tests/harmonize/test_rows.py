"""From rows to canonical rows: joins, flags, intervals, tests and index events, in tables that a person can read."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from config.lineage import origins
from tasks.errors import AccountingError
from tasks.harmonize import canonical, shard
from tasks.harmonize.reading import RowProblem, SourceTable

SITE = """
[index]
event = "COVID-19 Test"
found_by = "first_positive_test"
[facts]
sends_icu = true
sends_breathing_support = true
[[tables]]
pattern = "people*.csv"
[tables.columns]
id = "patient_id"
sex = "subject.sex"
age = "subject.age_at_index"
races = { field = "subject.race_ethnicity", optional = true }
status = { field = "subject.covid19_status", optional = true }
icu = { field = "subject.ever_icu", optional = true }
country = { field = "subject.country", optional = true }
land = { field = "subject.country", codes = { Canada = "CA" }, optional = true }
[[tables]]
pattern = "events*.csv"
shape = "long"
[tables.columns]
id = "patient_id"
what = "event.kind"
from = { field = "event.start", date = "iso" }
to = { field = "event.end", date = "iso" }
detail = "event.detail"
class = { field = "test.class", optional = true }
loinc = { field = "test.loinc", optional = true }
value = { field = "test.value", unit = "{copies}/mL", optional = true }
"""
WIDE = """
[[tables]]
pattern = "*.csv"
[tables.columns]
id = "patient_id"
"""
Table = Callable[[str], str]


def events_of(batch: Any, patient: str) -> list[tuple[Any, ...]]:
    names = ("event_type", "start_day", "end_day", "end_status", "device", "discharge", "who_scale_floor")
    return sorted((tuple(row[name] for name in names) for row in batch.of("clinical_event", patient)), key=str)


def parents_of(batch: Any, patient: str) -> dict[tuple[str, int | None], str | None]:
    rows = batch.of("clinical_event", patient)
    kinds = {row["event_id"]: row["event_type"] for row in rows} | {None: None}
    return {(row["event_type"], row["start_day"]): kinds[row["parent_event_id"]] for row in rows}


def test_stays_of_one_patient_nest_and_none_is_lost(curate: Any, table: Table) -> None:
    events = table("""
        id | what              | from       | to         | detail         | loinc
        a  | test              | 2020-04-01 |            | Positive       | 94500-6
        a  | hospital_stay     | 2020-04-01 | 2020-04-10 | Home |
        a  | hospital_stay     | 2020-04-01 | 2020-04-10 | Home |
        a  | hospital_stay     | 2020-05-01 |            | Still admitted |
        a  | icu_stay          | 2020-04-03 | 2020-04-11 |
        a  | icu_stay          | 2020-04-20 | 2020-04-22 |
        a  | breathing_support | 2020-04-04 | 2020-04-06 | Intubated |
        a  | breathing_support | 2020-05-02 | 2020-05-03 | NC |
        a  | breathing_support |            |            | ECMO |
        a  | emergency_visit   | 2020-03-31 |            |
    """)
    batch = curate(SITE, {"events.csv": events})
    assert events_of(batch, "a") == sorted(
        [
            ("hospital_stay", 0, 9, "known", None, "home", None),
            ("hospital_stay", 30, None, "ongoing", None, "still_admitted", None),
            ("icu_stay", 2, 10, "known", None, None, None),
            ("icu_stay", 19, 21, "known", None, None, None),
            ("breathing_support", 3, 5, "known", "imv", None, 7),
            ("breathing_support", 31, 32, "known", "nasal_cannula", None, 5),
            ("breathing_support", None, None, "unknown", "ecmo", None, 9),
            ("emergency_visit", -1, None, "unknown", None, None, None),
        ],
        key=str,
    )
    assert parents_of(batch, "a") == {
        ("hospital_stay", 0): None,
        ("hospital_stay", 30): None,
        ("icu_stay", 2): "hospital_stay",
        ("icu_stay", 19): None,
        ("breathing_support", 3): "icu_stay",
        ("breathing_support", 31): "hospital_stay",
        ("breathing_support", None): None,
        ("emergency_visit", -1): None,
    }
    subject = batch.subject("a")
    assert [subject[name] for name in ("sex", "ever_icu", "ever_ventilated")] == ["Not Reported", "Yes", "Yes"]


def test_support_that_began_before_the_icu_lies_in_the_hospital_stay(curate: Any, table: Table) -> None:
    """The day of tolerance counts only where no stay contains the support without it."""
    events = table("""
        id | what              | from       | to         | detail   | loinc
        a  | test              | 2020-04-01 |            | Positive | 94500-6
        a  | hospital_stay     | 2020-04-01 | 2020-04-20 | Home
        a  | icu_stay          | 2020-04-05 | 2020-04-10 |
        a  | breathing_support | 2020-04-04 | 2020-04-06 | HFNC
        a  | breathing_support | 2020-04-05 | 2020-04-10 | Intubated
        b  | icu_stay          | 2020-04-05 | 2020-04-10 |
        b  | breathing_support | 2020-04-05 | 2020-04-11 | Intubated
    """)
    batch = curate(SITE, {"events.csv": events})
    assert parents_of(batch, "a")["breathing_support", 3] == "hospital_stay"
    assert parents_of(batch, "a")["breathing_support", 4] == "icu_stay"
    (other,) = [row for row in batch.of("clinical_event", "b") if row["event_type"] == "breathing_support"]
    assert other["parent_event_id"]


def test_support_without_dates_lies_in_the_stay_of_its_row(curate: Any, table: Table) -> None:
    site = """
        [[tables]]
        pattern = "*.csv"
        [tables.columns]
        id = "patient_id"
        came = { field = "hospital_stay.start", date = "iso" }
        max = "breathing_support.device"
    """
    batch = curate(
        site,
        {
            "a.csv": table("""
                id | came       | max
                a  | 2020-04-01 | CPAP
                a  | 2020-06-01 |
                b  |            | CPAP
            """)
        },
    )
    supports = {row["subject_id"]: row for row in batch.table("clinical_event") if row["device"] == "cpap"}
    (stay,) = [
        row["event_id"]
        for row in batch.of("clinical_event", "a")
        if row["event_type"] == "hospital_stay"
        and row["source_row"] == supports[batch.people.subject("a")]["source_row"]
    ]
    assert supports[batch.people.subject("a")]["parent_event_id"] == stay
    assert supports[batch.people.subject("b")]["parent_event_id"] is None
    assert batch.subject("a")["ever_icu"] == "Not Reported", "the site does not say that it sends them all"
    assert batch.subject("a")["index_event"] is None
    assert {row["start_day"] for row in batch.table("clinical_event")} == {None}


def test_the_highest_support_of_each_stay_is_kept(curate: Any, table: Table) -> None:
    site = """
        [[tables]]
        pattern = "*.csv"
        [tables.columns]
        id = "patient_id"
        came = { field = "hospital_stay.start", date = "iso" }
        icu = { field = "icu_stay.start", date = "iso" }
        max = "breathing_support.maximum"
    """
    rows = table("""
        id | came       | icu        | max
        a  | 2020-04-01 | 2020-04-02 | IMV
        a  | 2020-06-01 |            | IMV
        a  | 2020-06-01 |            | IMV
    """)
    batch = curate(site, {"a.csv": rows})
    events = batch.of("clinical_event", "a")
    stays = {row["event_id"] for row in events if row["event_type"] == "hospital_stay"}
    supports = [row for row in events if row["event_type"] == "breathing_support"]
    assert {row["parent_event_id"] for row in supports} == stays, "of the hospital stay, not of the ICU in the same row"
    assert len(supports) == len(stays) == 2
    assert batch.subject("a")["ever_ventilated_basis"] == ["event"]


def test_a_discharge_as_dead_is_a_death(curate: Any, table: Table) -> None:
    events = table("""
        id | what          | from       | to         | detail   | loinc
        a  | test          | 2020-04-01 |            | Positive | 94500-6
        a  | hospital_stay | 2020-04-01 | 2020-04-10 | Expired |
        b  | test          | 2020-04-01 |            | Positive | 94500-6
        b  | hospital_stay | 2020-04-01 | 2020-04-10 | Died |
        b  | death         | 2020-04-10 |            | |
        c  | hospital_stay | 2020-04-01 |            | Died |
    """)
    batch = curate(SITE, {"events.csv": events})
    death = ("death", 9, 9, "known", None, None, 10)
    assert events_of(batch, "a").count(death) == events_of(batch, "b").count(death) == 1
    assert len(events_of(batch, "c")) == 1
    derived = [row for row in batch.table("lineage") if row["rule_id"] == "C-DEATH" and row["entity_id"] != "*"]
    assert [row["raw_digest"] for row in derived] == [None]


def test_covid_status_is_derived_from_tests(curate: Any, table: Table) -> None:
    events = table("""
        id | what      | from       | to | detail       | class              | loinc
        a  | test      | 2020-04-01 |    | Not detected |                    | 94500-6
        a  | test      | 2020-04-05 |    | Detected     | antigen            | 94558-4
        b  | test      | 2020-04-01 |    | Negative     | PCR                | 94500-6
        c  | test      | 2020-04-01 |    | Positive     | antibody           | 94503-0
        d  | test      | 2020-04-01 |    | Positive     | PCR                | 94500-6
        d  | test      | 2020-04-01 |    | Negative     | PCR                | 94500-6
        e  | test      | 2020-04-01 |    | Inconclusive |                    | 94500-6
        f  | condition | 2020-04-01 |    | U07.1        |                    |
        g  | condition | 2020-04-01 |    | J18.9        |                    |
        h  | test      | 2020-04-01 |    | Invalid      |                    | 94500-6
        i  | test      | 2020-04-01 |    | Positive     |                    |
    """)
    batch = curate(SITE, {"events.csv": events})
    found = {
        who: (batch.subject(who)["covid19_status"], batch.subject(who)["covid19_status_basis"]) for who in "abcdefgh"
    }
    assert found == {
        "a": ("Positive", ["test"]),
        "b": ("Negative", ["test"]),
        "c": ("Not Reported", None),
        "d": ("Indeterminate", ["test"]),
        "e": ("Indeterminate", ["test"]),
        "f": ("Positive", ["diagnosis"]),
        "g": ("Not Reported", None),
        "h": ("Not Reported", None),
    }
    assert batch.findings["T-NEG-POS", "test_result.result"] == 1
    assert [row["day"] for row in batch.of("test_result", "a")] in ([-4, 0], [0, -4])
    assert batch.subject("b")["index_event"] == "COVID-19 Test", "the first test, where none is positive"
    assert batch.subject("c")["index_event"] is None, "an antibody is no anchor"
    assert batch.holds == {("test_result", "H-NAMELESS")}


def test_a_measured_value_keeps_its_unit(curate: Any, table: Table) -> None:
    events = table("""
        id | what | from       | to | detail   | loinc   | value
        a  | test | 2020-04-01 |    | Positive | 94500-6 | 1200.5
        b  | test | 2020-04-01 |    | Positive | 94500-6 | many
        c  | test | 2020-04-01 |    | Positive | 94500-7 |
    """)
    batch = curate(SITE, {"events.csv": events})
    (one,) = batch.of("test_result", "a")
    assert (one["value"], one["unit"], one["test_class"]) == (1200.5, "{copies}/mL", "naat")
    assert batch.holds == {("test_result", "S-UNMAPPED")}


def test_what_a_site_asserts_is_compared_and_never_taken(curate: Any, table: Table) -> None:
    people = table("""
        id | sex | age | status   | icu
        a  | F   | 40  | Positive | Yes
        b  | M   | 40  | Negative | No
        c  | F   | 40  | Positive | No
        d  | M   | 40  |          |
    """)
    events = table("""
        id | what     | from       | to | detail   | loinc
        a  | icu_stay | 2020-04-01 |    |          |
        b  | icu_stay | 2020-04-01 |    |          |
        c  | test     | 2020-04-01 |    | Negative | 94500-6
    """)
    batch = curate(SITE, {"people.csv": people, "events.csv": events})
    holds = {(row["key"], row["rule_id"]) for row in batch.table("holds")}
    assert holds == {(batch.people.subject("b"), "C-FLAG-DERIVED"), (batch.people.subject("c"), "T-COVID-POS")}
    assert batch.subject("a")["covid19_status"] == "Not Reported"
    assert [batch.subject(who)["ever_icu"] for who in "abcd"] == ["Yes", "Yes", "No", "No"]
    assert batch.private("rows") == [
        "s01/b1/events.csv,3,C-FLAG-DERIVED,",
        "s01/b1/events.csv,4,T-COVID-POS,",
        "s01/b1/people.csv,3,C-FLAG-DERIVED,icu",
        "s01/b1/people.csv,4,T-COVID-POS,status",
    ]


def test_rows_of_one_patient_are_put_together_or_contradict(curate: Any, table: Table) -> None:
    people = table("""
        id | sex | age | races                     | country
        a  | F   |     | White, Hispanic           | CA
        a  |     | 91  |                           |
        b  | F   | 40  | MENA                      | Canada
        b  | M   | 40  |                           |
        c  | F   | 7.5 |                           |
        d  | F   | 30  | Unknown                   |
        d  | U   | 30  | Declined                  | refused
           | F   | 30  |                           |
    """)
    batch = curate(SITE, {"people.csv": people})
    assert batch.subject("d")["sex"] == "Female", "a row that does not know contradicts no row that does"
    told = {
        (row["field"], row["missing_reason"])
        for row in batch.table("lineage")
        if row["entity_id"] == batch.people.subject("d")
    }
    assert ("country", "asked-declined") in told
    assert ("sex", None) in told
    first = batch.subject("a")
    assert (first["sex"], first["age_at_index"], first["age_at_index_gt89"]) == ("Female", None, True)
    assert (first["race_ethnicity"], first["country"]) == (["Hispanic or Latino", "White"], "CA")
    assert batch.subject("d")["race_ethnicity"] == ["Not Reported"]
    holds = {(row["key"], row["rule_id"]) for row in batch.table("holds")}
    assert holds == {
        (batch.people.subject("b"), "D-SEX-STABLE"),
        (batch.people.subject("b"), "S-UNMAPPED"),
        (batch.people.subject("c"), "D-AGE-RANGE"),
    }
    assert batch.findings["H-NO-PATIENT", "patient_id"] == 1
    assert batch.report.counts["rows_in"] == 8
    assert batch.report.counts["rows_held"] == 3


def test_countries_by_the_codes_of_the_site(curate: Any, table: Table) -> None:
    batch = curate(SITE, {"people.csv": table("id | sex | age | land\na | F | 40 | canada\nb | F | 40 | Chad")})
    assert [batch.subject(who)["country"] for who in "ab"] == ["CA", "US"]
    assert batch.holds == {("subject", "S-UNMAPPED")}


def test_undecided_dates_hold_their_event(curate: Any, table: Table) -> None:
    site = SITE.replace('date = "iso"', 'date = "vote"')
    events = table("""
        id | what          | from       | to         | detail
        a  | hospital_stay | 13/04/2020 | 01/02/2020 | Home
        a  | icu_stay      | 04/13/2020 | 02/02/2020 |
        b  | unheard of    | 2020-01-01 |            |
        b  |               | 2020-01-01 |            |
    """)
    batch = curate(site, {"events.csv": events})
    assert batch.holds == {("clinical_event", "C-DATE-ORDER-VOTE")}, "the whole column has a vote, whatever the kinds"
    assert batch.findings["C-DATE-ORDER-VOTE", "event.start"] == 2
    assert batch.findings["S-DATE-AMBIGUOUS", "event.end"] == 1, "days and months that are equal need no order"
    assert batch.findings["S-UNMAPPED", "event.kind"] == 2
    assert {row["start_day"] for row in batch.table("clinical_event")} == {None}
    stays, icu = [row.split(",")[1:3] for row in batch.private("rows")][:2]
    assert (stays, icu) == (["2", "C-DATE-ORDER-VOTE"], ["2", "S-DATE-AMBIGUOUS"])


def test_images_join_their_patient_and_orphans_are_listed(curate: Any, images: Any, table: Table) -> None:
    rows = images().add("a", date(2020, 4, 11)).add("z", date(2020, 4, 11))
    events = table("""
        id | what | from       | to | detail   | loinc
        a  | test | 2020-04-01 |    | Positive | 94500-6
        a  | test | 2020-04-21 |    | Negative | 94500-6
        b  | test | 2020-04-01 |    | Positive | 94500-6
    """)
    batch = curate(SITE, {"events.csv": events, "notes.csv": "x\n1\n"}, rows.rows)
    (study,) = batch.of("imaging_study", "a")
    assert (study["day"], study["days_to_positive_tests"], study["days_to_negative_tests"]) == (10, [-10], [10])
    (orphan,) = batch.of("imaging_study", "z")
    assert (orphan["day"], orphan["days_to_positive_tests"]) == (0, [])
    assert batch.subject("z")["index_event"] == "First Imaging Study"
    assert [batch.subject("z")[name] for name in ("sex", "ever_icu", "covid19_status")] == ["Not Reported"] * 3
    assert batch.findings == {
        ("H-UNDECLARED", "tables"): 1,
        ("I-ORPHAN-IMAGE", "subject"): 1,
        ("I-ORPHAN-TABLE", "subject"): 1,
    }
    orphans = {f"{batch.people.subject('z')},I-ORPHAN-IMAGE", f"{batch.people.subject('b')},I-ORPHAN-TABLE"}
    assert set(batch.private("orphans")) == orphans
    funnel = batch.context.work.read(batch.context.layout.run(batch.plan.run, "report/cohort.csv")).decode()
    assert funnel == "step,subjects\nsubjects,3\nwith_images,2\nwith_rows,2\nwith_both,1\n"


def test_two_sites_with_one_number_have_two_patients(curate: Any, table: Table) -> None:
    people = {"people.csv": table("id | sex | age\n1 | F | 40")}
    one, two = curate(SITE, people), curate('id_issuer = "other"\n' + SITE, people)
    assert one.table("subject")[0]["subject_id"] != two.table("subject")[0]["subject_id"]


def test_the_index_can_be_a_column(curate: Any, images: Any, table: Table) -> None:
    site = """
        [index]
        event = "Study Enrollment"
        found_by = "column"
        [[tables]]
        pattern = "*.csv"
        [tables.columns]
        id = "patient_id"
        enrolled = "subject.index_date"
        seen = "emergency_visit.start"
    """
    rows = images().add("a", date(2020, 5, 1)).add("b", date(2020, 5, 1))
    batch = curate(
        site,
        {
            "a.csv": table("""
                id | enrolled   | seen
                a  | 2020-04-01 | 2020-03-31
                b  |            | 2020-05-02
            """)
        },
        rows.rows,
    )
    assert [batch.of("imaging_study", who)[0]["day"] for who in "ab"] == [30, 0]
    assert [batch.of("clinical_event", who)[0]["start_day"] for who in "ab"] == [-1, 1]
    assert [batch.subject(who)["index_event"] for who in "ab"] == ["Study Enrollment", "First Imaging Study"]


def test_ids_do_not_depend_on_the_order_of_rows_or_files(curate: Any, table: Table) -> None:
    text = table("""
        id | what          | from       | to         | detail
        a  | hospital_stay | 2020-04-01 | 2020-04-10 | Home
        a  | icu_stay      | 2020-04-02 | 2020-04-03 |
        b  | hospital_stay | 2020-04-01 | 2020-04-10 | Home
    """)
    head, *lines = text.splitlines()
    turned = "\n".join([head, *reversed(lines)])
    one, two = curate(SITE, {"events.csv": text}), curate(SITE, {"events-2.csv": turned})
    ids = [{row["event_id"] for row in batch.table("clinical_event")} for batch in (one, two)]
    assert ids[0] == ids[1]


def test_a_batch_without_anything_has_empty_tables(curate: Any) -> None:
    batch = curate("", {})
    assert batch.report.counts == {
        "subject": 0,
        "clinical_event": 0,
        "test_result": 0,
        "condition": 0,
        "measurement": 0,
        "medication": 0,
        "imaging_study": 0,
        "imaging_series": 0,
        "imaging_instance": 0,
        "lineage": len(origins()),
        "rows_in": 0,
        "rows_held": 0,
        "rows_ignored": 0,
    }


def test_lost_rows_stop_the_batch(curate: Any, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"people.csv": table("id | sex | age\n1 | F | 40")}
    monkeypatch.setattr(shard, "read_source", lambda *_: SourceTable(problems=(RowProblem(1, "H-CELL"),)))
    assert curate(SITE, people).report.counts["rows_held"] == 1
    monkeypatch.setattr(SourceTable, "rows_in", 2)
    with pytest.raises(AccountingError):
        curate(SITE, people)


def test_lost_records_stop_the_batch(curate: Any, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = canonical.stays.merged_events
    monkeypatch.setattr(canonical.stays, "merged_events", lambda identified: whole(identified.slice(1)))
    events = table("id | what | from | to | detail\na | icu_stay | 2020-04-01 | | ")
    with pytest.raises(AccountingError, match="1 records came in and 0"):
        curate(SITE, {"events.csv": events})


def test_what_is_held_proves_nothing_and_excludes_nothing(curate: Any, table: Table) -> None:
    events = table("""
        id | what     | from       | to         | detail          | loinc
        a  | test     | 2020-04-01 |            | POSITIVE (Ct 9) | 94500-6
        a  | test     | 2020-04-05 |            | Negative        | 94500-6
        b  | icu_stay | No ICU     |            |                 |
    """)
    batch = curate(SITE, {"events.csv": events})
    assert batch.subject("a")["covid19_status"] == "Not Reported", "the first test may have been positive"
    assert batch.subject("a")["index_event"] is None
    assert (batch.subject("b")["ever_icu"], batch.subject("b")["ever_icu_basis"]) == ("Not Reported", None)


def test_a_stay_of_unknown_end_ends_where_the_next_begins(curate: Any, table: Table) -> None:
    events = table("""
        id | what          | from       | to         | detail | loinc
        a  | hospital_stay | 2020-03-01 |            |        |
        a  | hospital_stay | 2020-05-01 | 2020-05-10 |        |
        a  | icu_stay      | 2020-03-03 | 2020-03-04 |        |
        a  | icu_stay      | 2020-08-03 | 2020-08-04 |        |
    """)
    found = curate(SITE, {"events.csv": events}).of("clinical_event", "a")
    parents = [row["parent_event_id"] for row in found if row["event_type"] == "icu_stay"]
    assert len(found) == 4
    assert parents.count(None) == 1


def test_decisions_are_per_column_of_all_files_of_a_table(curate: Any, table: Table) -> None:
    site = WIDE + 'sex = "subject.sex"\ncame = "hospital_stay.start"\n'
    one = table("""
        id | sex | came
        a  | H   | 25/03/2020
        b  | M   | 03/04/2020
    """)
    other = table("""
        id | sex | came
        c  | M   | 03/04/2020
    """)
    batch = curate(site, {"a.csv": one, "b.csv": other})
    assert batch.subject("c")["sex"] == "Female", "an M of a column of H and M"
    assert batch.table("holds") == []


def test_a_column_that_a_spreadsheet_has_half_converted_is_held(curate: Any, table: Table) -> None:
    rows = table("""
        id | came
        a  | 2020-04-03
        b  | 2020-12-03
        c  | 25/03/2020
        d  | 13/04/2020
    """)
    batch = curate(WIDE + 'came = "hospital_stay.start"\n', {"a.csv": rows})
    assert batch.findings["C-DATE-ORDER-VOTE", "hospital_stay.start"] == 4


def test_a_code_and_a_name_that_contradict_each_other_are_held(curate: Any, table: Table) -> None:
    site = (
        WIDE
        + """
what = { field = "measurement.name", codes = { Height = "height" } }
code = "measurement.loinc"
value = { field = "measurement.value", unit = "cm" }
"""
    )
    rows = table("""
        id | what   | code    | value
        a  | Height | 29463-7 | 170
        b  | Height | 8302-2  | 170
    """)
    batch = curate(site, {"a.csv": rows})
    assert [row["rule_id"] for row in batch.table("holds")] == ["H-LOINC-NAME"]
    assert batch.private("rows") == ["s01/b1/a.csv,2,H-LOINC-NAME,code"]
