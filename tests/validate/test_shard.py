"""A batch validated and accepted, from what harmonize wrote to the pointer."""

import csv
import dataclasses
import io
import json

import pyarrow.parquet as pq
import pytest

from tasks.errors import AccountingError, BatchNotReadyError, GateError, KeyExistsError, MissingKeyError
from tasks.model import StageReport
from tasks.store.parquet import read_table, write_table
from tasks.validate.accept import accept_batch, accepted_run
from tasks.validate.shard import TABLES, validate_batch
from tests.validate.builders import Cluster, uid
from tests.validate.runs import RUN, Run

CANARY = "ZZCANARY"


def faulty() -> Run:
    """The second subject of the first cluster has a sex that is none, that of the second cluster a reversed stay."""
    clusters = [Cluster(0), Cluster(1)]
    clusters[0].rows["subject"][1]["sex"] = CANARY
    clusters[1].rows["clinical_event"][3] |= {"start_day": 5, "end_day": 3}
    return Run(clusters).write()


def copied(run: Run, without: tuple[str, ...]) -> Run:
    """The same store again, before it was accepted."""
    copy = Run()
    for key, content in run.stored().items():
        if key not in {run.context.layout.current, *map(run.key, without)}:
            copy.context.work.create(key, content)
    return copy


@pytest.fixture(scope="module")
def accepted() -> tuple[Run, StageReport, StageReport]:
    run = faulty()
    return run, validate_batch(run.plan, run.context), accept_batch(run.plan, run.context)


@pytest.fixture(scope="module")
def stopped() -> tuple[Run, GateError]:
    clusters = [Cluster(0), Cluster(1)]
    clusters[0].rows["subject"][0]["zip3"] = CANARY
    clusters[0].rows["condition"][0]["condition_id"] = CANARY
    run = Run(clusters).write()
    with pytest.raises(GateError) as error:
        validate_batch(run.plan, run.context)
    return run, error.value


def test_every_row_that_came_in_is_accepted_or_held(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = accepted[0]
    for name in TABLES:
        parts = {
            part: read_table(run.stored()[run.key(f"{part}/{name}.parquet")])
            for part in ("harmonized", "tables", "held")
        }
        assert len(parts["harmonized"]) == len(parts["tables"]) + len(parts["held"]), name
        assert parts["tables"].schema.equals(parts["harmonized"].schema, check_metadata=True)


def test_a_held_subject_takes_all_that_is_theirs_and_nothing_else(
    accepted: tuple[Run, StageReport, StageReport],
) -> None:
    run, report, _ = accepted
    held = {name: read_table(run.stored()[run.key(f"held/{name}.parquet")]).to_pylist() for name in TABLES}
    person = Cluster(0).second
    assert held["subject"] == [{"subject_id": person, "rule_ids": ["S-ENUM"]}]
    assert held["imaging_instance"] == [{"sop_uid": uid(103), "rule_ids": ["S-ENUM"]}]
    assert {row["event_id"]: row["rule_ids"] for row in held["clinical_event"]} == {
        Cluster(0).id(4): ["S-ENUM"],
        Cluster(1).id(4): ["C-STAY-ORDER"],
    }
    assert report.counts["held"] == sum(map(len, held.values())) == 7
    assert report.rules == {"C-STAY-ORDER": 1, "S-ENUM": 1}


def test_the_ledger_holds_the_images_of_a_held_row_and_has_every_object(
    accepted: tuple[Run, StageReport, StageReport],
) -> None:
    run, _, report = accepted
    ledger = read_table(run.stored()[run.key("ledger.parquet")])
    settled = read_table(run.stored()[run.key("settled/ledger.parquet")])
    assert ledger["source_id"].to_pylist() == settled["source_id"].to_pylist()
    changed = [row for row, before in zip(ledger.to_pylist(), settled.to_pylist(), strict=True) if row != before]
    assert [(row["sop_uid"], row["status"], row["rule_id"]) for row in changed] == [(uid(103), "held", "VA-HELD")]
    assert report.counts == {"duplicate": 1, "held": 1, "not-imaging": 1, "released-candidate": 5}


def test_the_whole_held_rows_are_private(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = accepted[0]
    key = run.context.layout.private_run(RUN, "held/subject.parquet")
    assert read_table(run.stored()[key])["sex"].to_pylist() == [CANARY]


def asked(run: Run) -> list[dict[str, str]]:
    key = run.context.layout.private_run(RUN, "report/validation.csv")
    return list(csv.DictReader(io.StringIO(run.stored()[key].decode())))


def test_the_sender_is_told_the_rows_in_which_a_rule_was_broken(
    accepted: tuple[Run, StageReport, StageReport],
) -> None:
    """The reversed stay names its columns; of the sex of a person only rows of events tell."""
    found = [(line["rule_id"], line["file"], line["column"], line["where"]) for line in asked(accepted[0])]
    assert found == [
        ("C-STAY-ORDER", "s01/b1/people.csv", "in", "5"),
        ("S-ENUM", "s01/b1/people.csv", "", "3"),
    ]


def test_the_sender_is_told_the_images_in_which_a_rule_was_broken() -> None:
    clusters = [Cluster(0), Cluster(1)]
    clusters[1].rows["imaging_series"][0]["n_missing_slices"] = 2
    clusters[0].rows["imaging_series"][1]["modality"] = "CR"
    study = clusters[0].rows["imaging_study"][0]["study_uid"]
    clusters[0].holds.append({"table": "imaging_study", "key": study, "rule_id": "C-FUTURE"})
    run = Run(clusters).write()
    validate_batch(run.plan, run.context)
    found = [(line["rule_id"], line["file"], line["where"]) for line in asked(run)]
    assert found == [
        ("C-FUTURE", "s01/b1/0000.dcm", "2 images"),
        ("I-MODALITY", "s01/b1/0002.dcm", "1 image"),
        ("I-GAP", "s01/b1/0003.dcm", "2 images"),
    ]


def test_what_the_whole_batch_breaks_has_no_place_and_a_page_with_nothing_says_so() -> None:
    run = Run()
    for cluster in run.clusters:
        cluster.rows["condition"].clear()
    validate_batch(run.write().plan, run.context)
    assert [(line["rule_id"], line["file"], line["where"]) for line in asked(run)] == [
        ("S-NO-CLINICAL", "", "the whole batch")
    ]
    sound = Run().write()
    validate_batch(sound.plan, sound.context)
    page = sound.stored()[sound.context.layout.private_run(RUN, "report/validation.html")].decode()
    assert asked(sound) == []
    assert "Nothing was wrong." in page


def test_no_offending_value_is_in_any_file_outside_the_private_part(
    accepted: tuple[Run, StageReport, StageReport], stopped: tuple[Run, GateError]
) -> None:
    for run in (accepted[0], stopped[0]):
        for key, content in run.stored().items():
            if key.startswith("private/") or "/harmonized/" in key:
                continue
            assert CANARY.encode() not in content, key
            assert CANARY not in key
            if key.endswith(".parquet"):
                assert CANARY not in str(pq.read_table(io.BytesIO(content)).to_pylist()), key


def test_data_docs_name_nothing_outside_and_run_nothing(accepted: tuple[Run, StageReport, StageReport]) -> None:
    pages = {key: content.decode() for key, content in accepted[0].stored().items() if key.endswith(".html")}
    assert len(pages) == len(TABLES) + 3  # the suite of cross-table rules, the index, and the page for the sender
    for page in pages.values():
        assert not any(
            word in page for word in ("http:", "https:", "//", "<script", "<link", "<img", "@import", "url(")
        )


def test_the_report_says_what_became_of_every_table(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = accepted[0]
    report = run.stored()[run.key("report/validation.md")].decode()
    assert "| subject | 4 | 3 | 1 |" in report
    assert "| C-STAY-ORDER | block | clinical_event.end_day+start_day |" in report


def test_the_pointer_names_the_run_and_the_summary_adds_up(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = accepted[0]
    assert json.loads(run.stored()[run.context.layout.current]) == {"run": RUN}
    summary = json.loads(run.stored()[run.key("run.json")])
    assert summary["tables"]["subject"] == {"table": "subject", "rows": 4, "accepted": 3, "held": 1}
    assert summary["findings"] == {"validate": {"C-STAY-ORDER": 1, "S-ENUM": 1}}
    assert len(summary["sha256"]) == len(TABLES) + 3


def test_two_runs_of_the_same_input_are_the_same_to_the_byte(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = faulty()
    validate_batch(run.plan, run.context)
    accept_batch(run.plan, run.context)
    assert run.stored() == accepted[0].stored()


def test_a_run_that_was_validated_is_taken_as_it_stands(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run, validated, taken = accepted
    again = validate_batch(run.plan, run.context)
    assert again.resumed
    assert (again.counts, again.rules) == (validated.counts, validated.rules)
    assert not taken.resumed
    assert accept_batch(run.plan, run.context).resumed


def test_a_later_run_replaces_the_pointer(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = copied(accepted[0], ())
    run.context.work.create(run.context.layout.current, b'{"run": "before"}\n')
    assert not accept_batch(run.plan, run.context).resumed
    assert json.loads(run.stored()[run.context.layout.current]) == {"run": RUN}


def test_a_gate_stops_the_batch_after_its_reports_are_written(stopped: tuple[Run, GateError]) -> None:
    run, error = stopped
    assert error.message == "s01/b1 is stopped by D-ZIP, S-FORM; nothing of it is accepted"
    assert run.key("report/validation.md") in error.next_step
    written = set(run.stored())
    assert {
        run.key("report/validation.md"),
        run.key("report/data_docs/index.html"),
        run.key("findings.parquet"),
    } <= written
    assert not any(
        name in key
        for key in written
        for name in ("/tables/", "/held/", "/ledger.parquet", "current.json")
        if "settled" not in key
    )
    assert "**The batch is stopped** by D-ZIP, S-FORM" in run.stored()[run.key("report/validation.md")].decode()


def test_a_stopped_run_stays_stopped_and_cannot_be_accepted(stopped: tuple[Run, GateError]) -> None:
    run = stopped[0]
    before = run.stored()
    for stage in (validate_batch, accept_batch):
        with pytest.raises(GateError):
            stage(run.plan, run.context)
    assert run.stored() == before


def test_the_accepted_run_is_known_without_doing_it_again(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run, _, report = accepted
    known = accepted_run(run.plan, run.context)
    assert known
    assert (known.counts, known.rules, known.resumed) == (report.counts, report.rules, True)
    assert accepted_run(dataclasses.replace(run.plan, run="f" * 16), run.context) is None
    assert accepted_run(run.plan, Run().context) is None


def test_a_run_that_is_not_validated_cannot_be_accepted() -> None:
    run = Run().write()
    with pytest.raises(BatchNotReadyError):
        accept_batch(run.plan, run.context)


def test_a_ledger_that_lost_a_row_is_not_accepted(accepted: tuple[Run, StageReport, StageReport]) -> None:
    run = copied(accepted[0], ("ledger.parquet",))
    ledger = read_table(accepted[0].stored()[run.key("ledger.parquet")])
    run.context.work.create(run.key("ledger.parquet"), write_table(ledger.slice(1)))
    with pytest.raises(AccountingError):
        accept_batch(run.plan, run.context)


def test_a_table_that_harmonize_did_not_write_is_an_error() -> None:
    run = Run().write()
    run.context.work.delete(run.key("harmonized/condition.parquet"))
    with pytest.raises(MissingKeyError):
        validate_batch(run.plan, run.context)


def test_other_input_under_the_same_run_is_refused(accepted: tuple[Run, StageReport, StageReport]) -> None:
    """A run is named after its inputs, so this is a defect and no data may be replaced."""
    run = Run().write()
    receipt = accepted[0].stored()[run.key("validated.json")]
    run.context.work.create(run.key("validated.json"), receipt)
    with pytest.raises(KeyExistsError):
        validate_batch(run.plan, run.context)
