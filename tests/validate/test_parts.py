"""The small parts of validation: check digits, pages, reports, ledgers, findings, and what counts as an answer."""

import pyarrow as pa
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from config.rules import Severity
from config.site import Site
from expectations.schemas.pipeline import FINDINGS, LEDGER
from expectations.schemas.table import table_of
from tasks.errors import AccountingError
from tasks.validate.checking import Found, _balance, _gates_before, check, expected_sizes, findings_of
from tasks.validate.data_docs import _block
from tasks.validate.decide import Decision
from tasks.validate.ledger import final_ledger, merged_findings
from tasks.validate.loinc import has_valid_check_digit, unsound_codes
from tasks.validate.outcome import Outcome
from tasks.validate.page import page, table, text
from tasks.validate.report import Balance, effect, fired, outcome_report, verdict
from tasks.validate.running import _outcome
from tasks.validate.shard import _split
from tests.validate.builders import Cluster, evidence_of, tables_of
from tests.validate.runs import SITE


def outcome(rule_id: str = "S-ENUM", severity: Severity = Severity.BLOCK, **more: object) -> Outcome:
    facts: dict[str, object] = {"success": False, "failed": 2, "rows": (0, 1)} | more
    return Outcome("subject", rule_id, severity, "sex", "sex is one of: a | b", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["36643-5", "24627-2", "30745-4", "94500-6", "2345-7"])
def test_the_check_digit_of_a_real_code_is_valid(code: str) -> None:
    assert has_valid_check_digit(code)


@pytest.mark.parametrize("code", ["36643-4", "36643", "36643-55", "-5", "abc-1", "", "٣٦٦٤٣-5"])
def test_a_code_without_its_check_digit_is_not(code: str) -> None:
    assert not has_valid_check_digit(code)


def test_unsound_codes_are_given_once_and_a_table_without_codes_has_none() -> None:
    codes = pa.table({"loinc_code": ["36643-4", "36643-4", None, "36643-5"]})
    assert unsound_codes({"imaging_study": codes})["code"].to_pylist() == ["36643-4"]
    assert unsound_codes({"imaging_study": pa.table({"other": [1]})}).num_rows == 0
    assert unsound_codes({}).num_rows == 0


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
        (outcome(rows=()), "batch stopped"),
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
    assert verdict(Decision({"subject": {0: frozenset({"S-ENUM"})}}, (), (warning,))) == (
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
    ledger = final_ledger(table_of(LEDGER, rows), ["1"])
    assert ledger["status"].to_pylist() == ["held", "duplicate", "released-candidate", "not-imaging"]
    assert ledger["rule_id"].to_pylist() == ["VA-HELD", "DE-X", "DE-X", "DE-X"]
    assert ledger.schema.equals(LEDGER.schema, check_metadata=True)


def test_a_decision_about_a_row_that_is_not_there_is_an_error_of_ours() -> None:
    decision = Decision({"subject": {0: frozenset({"S-ENUM"}), 1: frozenset({"S-ENUM"})}}, (), ())
    table_of_two = tables_of([Cluster()])["subject"]
    accepted, held = _split(table_of_two, decision, "subject")
    assert (len(accepted), held["rule_ids"].to_pylist()) == (0, [["S-ENUM"], ["S-ENUM"]])
    with pytest.raises(AccountingError):
        _split(table_of_two.slice(0, 1), decision, "subject")


CONFIGURATION = ExpectationConfiguration(
    type="expect_column_values_to_be_in_set",
    kwargs={"column": "sex", "value_set": ["a"]},
    meta={"rule_id": "S-ENUM", "severity": "warn", "place": "sex"},
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
    found = _outcome("subject", CONFIGURATION, answer)
    assert found.broken
    assert found.stops


def found_of(cluster: Cluster, findings: list[dict[str, object]]) -> Found:
    evidence = evidence_of([cluster])
    return Found(
        tables_of([cluster]), evidence["settled"], evidence["holds"], evidence["anchors"], table_of(FINDINGS, findings)
    )


def test_a_table_must_have_rows_where_images_or_the_site_file_say_so() -> None:
    found, site = found_of(Cluster(), []), Site.model_validate(SITE)
    expected = expected_sizes(found, site, has_tables=True)
    assert all(size.instances == len(Cluster().rows["imaging_instance"]) for size in expected.values())
    assert {name for name, size in expected.items() if not size.least_rows} == {"measurement", "medication"}
    without = expected_sizes(found, site, has_tables=False)
    assert {name for name, size in without.items() if not size.least_rows} == {
        "clinical_event",
        "test_result",
        "condition",
        "measurement",
        "medication",
    }
    imageless = Found(found.tables, found.settled.slice(0, 0), found.holds, found.anchors, found.findings)
    assert {
        name for name, size in expected_sizes(imageless, Site(code="s01"), has_tables=True).items() if size.least_rows
    } == set()


def test_what_harmonize_could_not_decide_is_held() -> None:
    cluster = Cluster()
    cluster.holds.append({"table": "condition", "key": cluster.id(50), "rule_id": "S-UNMAPPED"})
    checked = check(found_of(cluster, []), Site.model_validate(SITE), ("s01", "b1", "run"), has_tables=True)
    assert checked.decision.rules_of("condition") == {0: {"S-UNMAPPED"}}
    assert checked.findings.num_rows == 0
    assert checked.balances[3] == Balance("condition", 1, 0, 1)


def test_a_gate_of_an_earlier_stage_stops_the_batch_here_and_a_warning_does_not() -> None:
    gate = {"stage": "harmonize", "rule_id": "H-HEADER-MISSING", "place": "tables.0", "count": 1}
    others = [gate | {"rule_id": rule_id} for rule_id in ("H-NO-ROWS", "DE-PASS")]
    outcomes = list(_gates_before(table_of(FINDINGS, [gate, *others])))
    assert [(one.rule_id, one.where, one.stops) for one in outcomes] == [("H-HEADER-MISSING", "raw.tables.0", True)]
    decision = Decision({}, tuple(outcomes), ())
    assert _balance("subject", 2, decision) == Balance("subject", 2, 0, 2)


def test_a_batch_without_images_and_tables_is_no_failure() -> None:
    empty = {name: table.slice(0, 0) for name, table in tables_of([Cluster()]).items()}
    evidence = {name: table.slice(0, 0) for name, table in evidence_of([Cluster()]).items()}
    found = Found(empty, evidence["settled"], evidence["holds"], evidence["anchors"], table_of(FINDINGS, []))
    checked = check(found, Site(code="s01"), ("s01", "b1", "run"), has_tables=False)
    assert checked.decision == Decision({name: {} for name in empty}, (), ())
