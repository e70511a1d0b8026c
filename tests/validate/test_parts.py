"""The small parts of validation: check digits, pages, reports, ledgers, findings, and what counts as an answer."""

from pathlib import Path

import pyarrow as pa
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from config.rules import Severity
from config.site import Site
from expectations.schemas.pipeline import FINDINGS, LEDGER
from expectations.schemas.table import table_of
from tasks.errors import AccountingError
from tasks.store.parquet import read_table, write_table
from tasks.validate.checking import Batch, _balance, _gates_before, check, findings_of, least_rows
from tasks.validate.data_docs import _block
from tasks.validate.decide import HELD, Decision
from tasks.validate.ledger import final_ledger, merged_findings
from tasks.validate.loinc import has_valid_check_digit, unsound_codes
from tasks.validate.outcome import Outcome, positions
from tasks.validate.page import page, table, text
from tasks.validate.report import Balance, effect, fired, outcome_report, verdict
from tasks.validate.running import _outcome
from tasks.validate.settling import Accepting, accept_table
from tests.validate.builders import Cluster, evidence_of, found_of, tables_of
from tests.validate.runs import RUN, Run, of_site


def outcome(rule_id: str = "S-ENUM", severity: Severity = Severity.BLOCK, **more: object) -> Outcome:
    facts: dict[str, object] = {"success": False, "failed": 2, "rows": positions([0, 1])} | more
    return Outcome("subject", rule_id, severity, "sex", "sex is one of: a | b", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["36643-5", "24627-2", "30745-4", "94500-6", "2345-7"])
def test_the_check_digit_of_a_real_code_is_valid(code: str) -> None:
    assert has_valid_check_digit(code)


@pytest.mark.parametrize("code", ["36643-4", "36643", "36643-55", "-5", "abc-1", "", "٣٦٦٤٣-5"])
def test_a_code_without_its_check_digit_is_not(code: str) -> None:
    assert not has_valid_check_digit(code)


def test_unsound_codes_are_given_once_and_nulls_are_none() -> None:
    assert unsound_codes(["36643-4", "36643-4", None, "36643-5"])["code"].to_pylist() == ["36643-4"]
    assert unsound_codes([]).num_rows == 0


def held(*rows: int, rule: str = "S-ENUM") -> pa.Table:
    return pa.Table.from_pylist([{"_row": row, "rule_ids": [rule]} for row in rows], schema=HELD)


def test_what_stands_on_a_page_is_text() -> None:
    made = page("<b>", "&", [table(("Status",), [[text("<i>")]], failing=[True])])
    assert "<title>&lt;b&gt;</title>" in made
    assert '<tr class="fails"><td class="status">&lt;i&gt;</td></tr>' in made


def test_a_block_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(TypeError, match="graph"):
        list(_block({"content_block_type": "graph"}, {}))


def test_an_outcome_without_a_place_is_named_after_its_table() -> None:
    assert Outcome("subject", "S-EMPTY", Severity.GATE, "", "rows", success=True).where == "subject"


def test_gates_are_reported_first_and_what_passed_is_not() -> None:
    outcomes = [
        outcome(severity=Severity.WARN),
        outcome(severity=Severity.GATE),
        outcome("S-NULL"),
        outcome(),
        outcome(success=True),
    ]
    assert [(one.rule_id, one.severity.value) for one in fired(outcomes)] == [
        ("S-ENUM", "gate"),
        ("S-ENUM", "block"),
        ("S-NULL", "block"),
        ("S-ENUM", "warn"),
    ]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (outcome(), "rows held"),
        (outcome(rows=positions()), "batch stopped"),
        (outcome(severity=Severity.WARN), "reported"),
        (outcome(severity=Severity.GATE), "batch stopped"),
        (outcome(broken=True), "batch stopped: the check could not be decided"),
    ],
)
def test_the_effect_of_an_outcome_is_said(one: Outcome, words: str) -> None:
    assert effect(one) == words


def test_the_verdict_counts_rows_and_warnings() -> None:
    warning = outcome(severity=Severity.WARN)
    assert verdict(Decision({}, (), ())) == "**The batch is accepted**, 0 rows are held."
    assert verdict(Decision({"subject": held(0)}, (), (warning,))) == (
        "**The batch is accepted**, 1 row is held. 1 warning."
    )
    assert verdict(Decision({}, (), (warning, warning))).endswith(" 2 warnings.")
    assert verdict(Decision({}, (outcome(),), ())) == "**The batch is stopped** by S-ENUM: nothing of it is accepted."


def test_a_report_without_failures_says_so_and_a_bar_in_a_text_breaks_no_table() -> None:
    balances = [Balance("subject", 2, 2, 0)]
    calm = outcome_report("Title", balances, [outcome(success=True)], Decision({}, (), ()))
    assert "Every one of 1 expectations holds." in calm
    assert "sex is one of: a / b" in outcome_report("Title", balances, [outcome()], Decision({}, (), ()))


def test_findings_add_up_by_rule_and_place() -> None:
    found = findings_of([outcome(), outcome(failed=3), outcome(success=True)])
    assert found.to_pylist() == [{"stage": "validate", "rule_id": "S-ENUM", "place": "subject.sex", "count": 5}]


def test_findings_of_stages_are_merged_and_sorted() -> None:
    rows = [
        {"stage": "harmonize", "rule_id": "S-UNMAPPED", "place": "b", "count": 1},
        {"stage": "harmonize", "rule_id": "S-UNMAPPED", "place": "a", "count": 2},
    ]
    merged = merged_findings([table_of(FINDINGS, rows), table_of(FINDINGS, rows[:1])])
    assert [(row["place"], row["count"]) for row in merged.to_pylist()] == [("a", 2), ("b", 2)]
    assert merged.schema.equals(FINDINGS.schema, check_metadata=True)


def test_only_released_candidates_become_held() -> None:
    rows = [
        {"source_id": str(number), "status": status, "rule_id": "DE-X", "source_bytes": 1, "sop_uid": sop_uid}
        for number, (status, sop_uid) in enumerate(
            [("released-candidate", "1"), ("duplicate", "1"), ("released-candidate", "2"), ("not-imaging", None)]
        )
    ]
    ledger = final_ledger(table_of(LEDGER, rows), pa.array(["1"]))
    assert ledger["status"].to_pylist() == ["held", "duplicate", "released-candidate", "not-imaging"]
    assert ledger["rule_id"].to_pylist() == ["VA-HELD", "DE-X", "DE-X", "DE-X"]
    assert ledger.schema.equals(LEDGER.schema, check_metadata=True)


def test_rows_are_parted_in_their_order_and_a_row_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    run = Run()
    path = tmp_path / "subject"
    path.write_bytes(write_table(tables_of([Cluster(0), Cluster(1)])["subject"]))
    accepting = Accepting(run.context, RUN, tmp_path)
    accept_table(accepting, "subject", path, held(1, 2))
    stored = {name: read_table(run.stored()[run.key(f"{name}/subject.parquet")]) for name in ("tables", "held")}
    assert stored["tables"]["subject_id"].to_pylist() == [Cluster(0).first, Cluster(1).second]
    assert stored["held"].to_pylist() == [
        {"subject_id": person, "rule_ids": ["S-ENUM"]} for person in (Cluster(0).second, Cluster(1).first)
    ]
    with pytest.raises(AccountingError):
        accept_table(Accepting(Run().context, RUN, tmp_path), "subject", path, held(1, 4))


CONFIGURATION = ExpectationConfiguration(
    type="expect_column_values_to_be_in_set",
    kwargs={"column": "sex", "value_set": ["a"]},
    meta={"rule_id": "S-ENUM", "severity": "warn", "place": "sex", "table": "subject"},
    description="text",
)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        ExpectationValidationResult(success=True, exception_info={"raised_exception": True}),
        ExpectationValidationResult(success=True, exception_info={"metric": {"raised_exception": True}}),
        ExpectationValidationResult(success=False, result={"unexpected_count": 2, "unexpected_index_list": [1]}),
    ],
    ids=["no answer", "an exception", "an exception of a metric", "rows that do not add up"],
)
def test_an_answer_that_is_none_stops_the_batch(answer: ExpectationValidationResult | None) -> None:
    found = _outcome(CONFIGURATION, answer)
    assert found.broken
    assert found.stops


def test_a_table_must_have_rows_where_images_or_the_site_file_say_so() -> None:
    clinical = {"clinical_event", "test_result", "condition", "measurement", "medication"}
    tables = dict.fromkeys(Cluster().rows, Path())

    def may_be_empty(batch: Batch, candidates: int) -> set[str]:
        return {name for name, least in least_rows(tables, batch, candidates).items() if not least}

    assert may_be_empty(of_site(), 3) == {"measurement", "medication"}
    assert may_be_empty(of_site(has_tables=False), 3) == clinical
    silent = Batch(Site(code="s01"), "b1", RUN, has_tables=True)
    assert may_be_empty(silent, 0) == set(tables)


def test_what_harmonize_could_not_decide_is_held(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.holds.append({"table": "condition", "key": cluster.id(50), "rule_id": "S-UNMAPPED"})
    checked = check(found_of([cluster], tmp_path), of_site(), tmp_path)
    assert checked.decision.held_of("condition").to_pylist() == [{"_row": 0, "rule_ids": ["S-UNMAPPED"]}]
    assert checked.findings.num_rows == 0
    assert checked.balances[3] == Balance("condition", 1, 0, 1)


def test_a_gate_of_an_earlier_stage_stops_the_batch_here_and_a_warning_does_not() -> None:
    gate = {"stage": "harmonize", "rule_id": "H-HEADER-MISSING", "place": "tables.0", "count": 1}
    others = [gate | {"rule_id": rule_id} for rule_id in ("H-NO-ROWS", "DE-PASS")]
    outcomes = list(_gates_before(table_of(FINDINGS, [gate, *others])))
    assert [(one.rule_id, one.where, one.stops) for one in outcomes] == [("H-HEADER-MISSING", "raw.tables.0", True)]
    decision = Decision({}, tuple(outcomes), ())
    assert _balance("subject", 2, decision) == Balance("subject", 2, 0, 2)


def test_a_batch_without_images_and_tables_is_no_failure(tmp_path: Path) -> None:
    empty = {name: table.slice(0, 0) for name, table in tables_of([Cluster()]).items()}
    evidence = {name: table.slice(0, 0) for name, table in evidence_of([Cluster()]).items()}
    found = found_of([Cluster()], tmp_path, instead=empty | evidence)
    checked = check(found, Batch(Site(code="s01"), "b1", RUN, has_tables=False), tmp_path)
    assert (checked.decision.gates, checked.decision.warnings) == ((), ())
    assert all(len(checked.decision.held_of(name)) == 0 for name in empty)
