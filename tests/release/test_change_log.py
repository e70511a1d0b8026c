import json
from collections.abc import Mapping

import pyarrow as pa

from tasks.model import Finding
from tasks.release.build import build_release
from tasks.release.gates import difference_findings
from tasks.release.reading import open_tables
from tests.release.batches import Batch, Image, Installation, an_event, some_images

Row = tuple[str, str, str, str | None]


def changes(installation: Installation, version: str) -> list[Row]:
    log = open_tables(installation.release, version, ["change_log"])["change_log"]
    columns = [log[name].to_pylist() for name in ("entity", "entity_id", "change", "reason")]
    return list(zip(*columns, strict=True))


def column(installation: Installation, table: str, key: str, value: str) -> dict[str, object]:
    rows = open_tables(installation.release, None, [table])[table].to_pylist()
    return {row[key]: row[value] for row in rows}


def second_run(installation: Installation, images: list[Image], **values: object) -> None:
    Batch("site-a/batch-1", images, run="run2", **values).write(installation.work)  # type: ignore[arg-type]


def test_a_first_release_adds_all(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    assert {(change, reason) for _, _, change, reason in changes(installation, "2026.11")} == {("added", None)}


def test_the_log_says_what_came_changed_and_went_and_why(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    images = [
        *some_images("SUBJECTA", study="1", series=1),
        Image("SUBJECTA", "2.25.1", "2.25.1.2", "2.25.1.2.1", content="cleaned better"),
        Image("SUBJECTA", "2.25.1", "2.25.1.2", "2.25.1.2.2"),
        *some_images("SUBJECTA", study="2", instances=2),
    ]
    events = [an_event("e1", "SUBJECTA", end_day=5), an_event("e2", "SUBJECTA", event_type="icu_stay", discharge=None)]
    second_run(installation, images, events=events)
    report = build_release("2026.12", context=installation.context)
    gone, revised = "no longer in an accepted batch", "values were revised"
    assert changes(installation, "2026.12") == [
        ("instance", "2.25.1.2.1", "changed", "the object was replaced"),
        ("instance", "2.25.2.1.2", "added", None),
        ("instance", "2.25.3.1.1", "withdrawn", gone),
        ("instance", "2.25.3.1.2", "withdrawn", gone),
        ("series", "2.25.1.2", "changed", revised),
        ("series", "2.25.2.1", "changed", revised),
        ("series", "2.25.3.1", "withdrawn", gone),
        ("study", "2.25.2", "changed", revised),
        ("study", "2.25.3", "withdrawn", gone),
        ("subject", "SUBJECTA", "changed", revised),
        ("subject", "SUBJECTB", "withdrawn", gone),
    ]
    assert report.changes["instance"] == {"added": 1, "changed": 1, "withdrawn": 2}
    assert report.objects_copied == 2


def test_digests_of_the_log_are_those_of_before_and_now(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    old = some_images("SUBJECTA", study="1", instances=1)[0]
    new = Image(old.subject, old.study, old.series, old.sop, content="cleaned better")
    second_run(installation, [new])
    build_release("2026.12", context=installation.context)
    log = open_tables(installation.release, "2026.12", ["change_log"])["change_log"]
    row = next(row for row in log.to_pylist() if row["entity_id"] == old.sop)
    assert (row["old_digest"], row["new_digest"]) == (old.sha256, new.sha256)


def test_what_stays_keeps_guid_history_and_version(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    guids = column(installation, "imaging_instance", "sop_uid", "guid")
    images = [
        *some_images("SUBJECTA", study="1", instances=1),
        Image("SUBJECTA", "2.25.1", "2.25.1.1", "2.25.1.1.2", content="cleaned better"),
        *some_images("SUBJECTD", study="5", instances=1),
    ]
    second_run(installation, images)
    build_release("2026.12", context=installation.context)
    now = column(installation, "imaging_instance", "sop_uid", "guid")
    assert now["2.25.1.1.1"] == guids["2.25.1.1.1"]
    assert now["2.25.1.1.2"] != guids["2.25.1.1.2"]
    added = column(installation, "imaging_instance", "sop_uid", "release_added")
    assert (added["2.25.1.1.1"], added["2.25.1.1.2"], added["2.25.5.1.1"]) == ("2026.11", "2026.12", "2026.12")
    assert column(installation, "imaging_series", "series_uid", "series_version") == {
        "2.25.1.1": 2, "2.25.4.1": 1, "2.25.5.1": 1,
    }  # fmt: skip
    assert column(installation, "subject", "subject_id", "first_release") == {
        "SUBJECTA": "2026.11", "SUBJECTC": "2026.11", "SUBJECTD": "2026.12",
    }  # fmt: skip
    assert column(installation, "imaging_series", "series_uid", "last_changed_release") == {
        "2.25.1.1": "2026.12", "2.25.4.1": "2026.11", "2.25.5.1": "2026.12",
    }  # fmt: skip


def test_a_subject_changes_with_its_clinical_rows(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    images = some_images("SUBJECTC", study="4", instances=3)
    again = Batch(
        "site-b/batch-1",
        images,
        run="run2",
        subjects={"SUBJECTC": {"sex": "Male"}},
        events=[an_event("e9", "SUBJECTC")],
    )
    again.write(installation.work)
    build_release("2026.12", context=installation.context)
    assert changes(installation, "2026.12") == [("subject", "SUBJECTC", "changed", "values were revised")]


def test_a_withdrawal_by_a_conflict_says_so(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    Batch("site-b/batch-2", some_images("SUBJECTB", study="3", instances=2, content="other")).write(installation.work)
    report = build_release("2026.12", context=installation.context)
    assert report.held == {"I-DUP-SOP": 2}
    assert {row[1:] for row in changes(installation, "2026.12")} == {
        (entity, "withdrawn", "held by I-DUP-SOP")
        for entity in ("SUBJECTB", "2.25.3", "2.25.3.1", "2.25.3.1.1", "2.25.3.1.2")
    }


def test_a_subject_that_is_held_later_is_withdrawn_with_all_that_is_its_own(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    more = some_images("SUBJECTB", study="9", instances=2)
    Batch("site-b/batch-2", more, subjects={"SUBJECTB": {"sex": "Male"}}).write(installation.work)
    report = build_release("2026.12", context=installation.context)
    assert report.held == {"D-SEX-STABLE": 4}
    assert report.held_subjects == ("SUBJECTB",)
    assert report.found["D-SEX-STABLE"] == 1
    assert report.counts["n_subjects"] == 2
    assert {row[1:] for row in changes(installation, "2026.12")} == {
        (entity, "withdrawn", "held by D-SEX-STABLE")
        for entity in ("SUBJECTB", "2.25.3", "2.25.3.1", "2.25.3.1.1", "2.25.3.1.2")
    }
    gates = json.loads(installation.release.read("releases/2026.12/report/gates.json"))
    assert gates["held"] == {"D-SEX-STABLE": 4}
    assert {"rule_id": "D-SEX-STABLE", "place": "subject", "count": 1} in gates["found"]
    assert not any("SUBJECTB" in str(table.to_pylist()) for table in held_from(installation).values())


def held_from(installation: Installation) -> dict[str, pa.Table]:
    """The current tables that a held subject may not stand in."""
    return {name: table for name, table in open_tables(installation.release).items() if name != "change_log"}


def test_two_releases_of_the_same_differ_in_nothing(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    report = build_release("2026.12", context=installation.context)
    assert changes(installation, "2026.12") == []
    assert (report.objects_copied, report.unchanged) == (0, False)
    assert set(open_tables(installation.release, "2026.12")["imaging_instance"]["release_added"].to_pylist()) == {
        "2026.11"
    }


def test_a_log_without_rows_has_its_schema(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    build_release("2026.12", context=installation.context)
    log = open_tables(installation.release, "2026.12", ["change_log"])["change_log"]
    assert log.schema.field("entity").type == pa.string()


def fired(log: pa.Table, now: Mapping[str, pa.Table], before: Mapping[str, pa.Table]) -> list[Finding]:
    """Give what the gate finds wrong."""
    return [finding for finding in difference_findings(log, now, before) if finding.count]


def test_the_gate_counts_what_a_change_log_leaves_out_or_makes_up(installation: Installation) -> None:
    """Whatever one row of a true log is changed to, the gate finds it."""
    build_release("2026.11", context=installation.context)
    again = [*some_images("SUBJECTA", study="1", series=2, content="others"), *some_images("SUBJECTD", study="9")]
    Batch("site-a/batch-1", again, run="run2").write(installation.work)
    build_release("2026.12", context=installation.context)
    before, now = (open_tables(installation.release, version) for version in ("2026.11", "2026.12"))
    log = now["change_log"]
    assert fired(log, now, before) == []
    assert set(log["change"].to_pylist()) == {"added", "changed", "withdrawn"}
    rows = log.to_pylist()
    for place, row in enumerate(rows):
        wrong = [dict(row, change=change) for change in ("added", "changed", "withdrawn") if change != row["change"]]
        wrong.append(dict(row, entity_id="2.25.404"))
        wrong += [dict(row, reason=None)] if row["change"] == "withdrawn" else []
        for other in wrong if row["change"] != "changed" else wrong[:2]:
            forged = pa.Table.from_pylist([*rows[:place], other, *rows[place + 1 :]], schema=log.schema)
            assert {finding.rule_id for finding in fired(forged, now, before)} == {"R-DIFF"}


def test_a_first_release_adds_everything(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    tables = open_tables(installation.release)
    assert fired(tables["change_log"], tables, {}) == []
    (finding,) = fired(tables["change_log"].slice(1), tables, {})
    assert finding.count == 1
