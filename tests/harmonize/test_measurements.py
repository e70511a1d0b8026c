"""Measurements and drugs: named, converted, bounded, in their stay; what is not certain is held and never guessed."""

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from config.fields import KINDS
from config.site import Site
from config.site_tables import Column
from config.vocab import fold
from config.vocab.measurements import conversions, measurements
from config.vocab.terms import MEASUREMENT
from tasks.harmonize.columns import columns_of
from tasks.harmonize.numbers import decide_number, decimal_mark, map_numbers
from tasks.harmonize.terminology import decide_drug, decide_loinc, decide_unit
from tests.harmonize.conftest import RUN

Table = Callable[[str], str]
WIDE = """
[[tables]]
pattern = "wide*.csv"
[tables.columns]
id = "patient_id"
came = { field = "hospital_stay.start", date = "iso", optional = true }
left = { field = "hospital_stay.end", date = "iso", optional = true }
came2 = { field = "hospital_stay.start", date = "iso", slot = 2, optional = true }
left2 = { field = "hospital_stay.end", date = "iso", slot = 2, optional = true }
icu = { field = "icu_stay.start", date = "iso", optional = true }
out = { field = "icu_stay.end", date = "iso", optional = true }
study = { field = "subject.index_date", date = "iso", optional = true }
on = { field = "measurement.start", date = "iso", optional = true }
inches = { field = "measurement.value", name = "height", unit = "[in_i]", optional = true }
fever = { field = "measurement.value", name = "temperature", unit = "degF", optional = true }
spo2 = { field = "measurement.value", name = "spo2", unit = "%", optional = true }
crp = { field = "measurement.value", name = "crp", optional = true }
spo2later = { field = "measurement.value", name = "spo2", unit = "1", slot = 2, optional = true }
later = { field = "measurement.start", date = "iso", slot = 2, optional = true }
most = { field = "breathing_support.maximum", optional = true }
device = { field = "breathing_support.device", optional = true }
since = { field = "breathing_support.start", date = "iso", optional = true }
[index]
event = "Study Enrollment"
found_by = "column"
"""
LONG = """
[[tables]]
pattern = "labs*.csv"
[tables.columns]
id = "patient_id"
on = { field = "measurement.start", date = "iso", optional = true }
what = { field = "measurement.name", codes = { CRP = "crp", Creat = "creatinine", Odd = "ignored" }, optional = true }
loinc = { field = "measurement.loinc", optional = true }
value = { field = "measurement.value", optional = true }
unit = { field = "measurement.unit", optional = true }
[[tables]]
pattern = "drugs*.csv"
[tables.columns]
id = "patient_id"
from = { field = "medication.start", date = "iso", optional = true }
to = { field = "medication.end", date = "iso", optional = true }
drug = { field = "medication.name", codes = { Dexa = "dexamethasone" }, optional = true }
code = { field = "medication.code", optional = true }
system = { field = "medication.system", optional = true }
route = { field = "medication.route", optional = true }
dose = { field = "medication.dose", optional = true }
unit = { field = "medication.unit", optional = true }
"""


def measured(batch: Any, patient: str) -> list[tuple[Any, ...]]:
    names = ("measurement_name", "value", "unit", "unit_raw", "day")
    return sorted((tuple(row[name] for name in names) for row in batch.of("measurement", patient)), key=str)


def held(batch: Any, name: str) -> dict[str, str]:
    return {row["key"]: row["rule_id"] for row in batch.table("holds") if row["table"] == name}


def test_every_measurement_has_a_sound_code_and_its_own_unit() -> None:
    assert tuple(measurements()) == MEASUREMENT
    for name, one in measurements().items():
        assert decide_loinc(one.loinc_code) == (one.loinc_code, None)
        same = conversions()[name, fold(one.unit)]
        assert (same.factor, same.offset) == (1, 0)
        assert one.low < one.high
    assert {name for name, _ in conversions()} == set(MEASUREMENT)
    assert len({one.loinc_code for one in measurements().values()}) == len(MEASUREMENT)


@pytest.mark.parametrize(
    ("name", "unit", "value", "expected"),
    [
        ("height", "in", 70, 177.8),
        ("height", "m", 1.71, 171),
        ("weight", "lb", 150, 68.0388555),
        ("temperature", "°F", 98.6, 37),
        ("temperature", "[degF]", 32, 0),
        ("temperature", "K", 310.15, 37),
        ("pao2", "kPa", 10, 75.0061683),
        ("fio2", "fraction", 0.4, 40),
        ("crp", "mg/dL", 2, 20),
        ("creatinine", "µmol/L", 88.4017, 1),
        ("glucose", "mmol/L", 5.5507, 100),
        ("lymphocytes", "/uL", 800, 0.8),
        ("hemoglobin", "g/L", 130, 13),
    ],
)
def test_units_are_converted(name: str, unit: str, value: float, expected: float) -> None:
    one = conversions()[name, fold(unit)]
    assert math.isclose(value * one.factor + one.offset, expected, rel_tol=1e-4, abs_tol=1e-4)


def test_a_wide_row_gives_one_measurement_for_each_named_column(curate: Any, table: Table) -> None:
    rows = table("""
        id | study      | on         | inches | fever | spo2 | spo2later | later      | crp
        a  | 2020-04-01 | 2020-04-03 | 70     | 98.6  |      | 0.93      | 2020-04-05 |
        b  | 2020-04-01 | 2020-04-03 |        |       |      |           |            |
    """)
    batch = curate(WIDE, {"wide.csv": rows})
    assert measured(batch, "a") == sorted(
        [
            ("height", 177.8, "cm", "[in_i]", 2),
            ("temperature", 37.0, "Cel", "degF", 2),
            ("spo2", 93.0, "%", "1", 4),
        ],
        key=str,
    )
    assert {row["loinc_code"] for row in batch.of("measurement", "a")} == {"8302-2", "8310-5", "59408-5"}
    assert measured(batch, "b") == [], "a date alone is no measurement"
    assert held(batch, "measurement") == {}
    told = {(row["entity"], row["field"]) for row in batch.table("lineage")}
    assert {("measurement", "value"), ("measurement", "day")} <= told


def test_a_value_without_a_known_unit_or_beyond_its_bounds_is_held(curate: Any, table: Table) -> None:
    rows = table("""
        id | inches | crp | fever | spo2
        a  | 171    |     |       | 98
        b  |        | 5   |       | 98
        c  |        |     | 37    | 98
        d  |        |     | <97   | 98
    """)
    batch = curate(WIDE, {"wide.csv": rows})
    rules = held(batch, "measurement")
    by_rule = {
        rules[row["measurement_id"]]: row for row in batch.table("measurement") if row["measurement_id"] in rules
    }
    assert sorted(by_rule) == ["H-IMPLAUSIBLE", "H-UNIT", "S-UNMAPPED"]
    assert by_rule["H-UNIT"]["value"] is None
    assert by_rule["H-UNIT"]["unit"] is None
    assert batch.findings["H-UNIT", "measurement"] == 1
    assert batch.findings["H-IMPLAUSIBLE", "measurement"] == 2
    assert len(batch.table("measurement")) == 8
    report = batch.context.work.read(batch.context.layout.private_run(RUN, "report/rows.csv")).decode().splitlines()
    assert {tuple(line.split(",")[1:]) for line in report[1:]} == {
        ("2", "H-IMPLAUSIBLE", "inches"),
        ("3", "H-UNIT", "crp"),
        ("4", "H-IMPLAUSIBLE", "fever"),
        ("5", "S-UNMAPPED", "fever"),
    }


def test_rows_that_are_one_measurement_each(curate: Any, table: Table) -> None:
    rows = table("""
        id | on         | what  | loinc  | value | unit
        a  | 2020-04-01 | CRP   |        | 2,5   | mg/dL
        a  | 2020-04-01 | CRP   |        | 25    | mg/L
        a  | 2020-04-01 |       | 2160-0 | 88,4  | umol/L
        a  | 2020-04-01 | Odd   |        | 7     | mg/L
        a  | 2020-04-01 | Creat |        |       | mg/dL
        b  | 2020-04-01 |       |        | 7     | mg/L
        b  | 2020-04-01 | CRP   |        | 7     | lb
        b  | 2020-04-01 | Other |        | 8     | mg/L
    """)
    batch = curate(LONG, {"labs.csv": rows})
    assert measured(batch, "a") == [
        ("creatinine", 0.999981, "mg/dL", "umol/L", None),
        ("creatinine", None, None, "mg/dL", None),
        ("crp", 25.0, "mg/L", "mg/L", None),
    ], "one measurement in two units is one, and one without a value is held"
    assert sorted(held(batch, "measurement").values()) == ["H-NAMELESS", "H-UNIT", "H-VALUELESS", "S-UNMAPPED"]
    assert batch.report.counts["rows_ignored"] == 1


def test_a_measurement_lies_in_the_innermost_stay_of_its_day(curate: Any, table: Table) -> None:
    rows = table("""
        id | study | came | left | came2 | left2 | icu | out | on | spo2
        a | 2020-04-01 | 2020-04-01 | 2020-04-20 | | | 2020-04-03 | 2020-04-06 | 2020-04-04 | 90
        b | 2020-04-01 | 2020-04-01 | 2020-04-20 | | | 2020-04-03 | 2020-04-06 | 2020-04-08 | 90
        c | 2020-04-01 | 2020-04-01 | 2020-04-20 | | | | | 2020-05-08 | 90
        d | 2020-04-01 | 2020-04-01 | 2020-04-20 | | | | | | 90
        e | 2020-04-01 | 2020-04-01 | 2020-04-20 | 2020-05-01 | 2020-05-04 | | | | 90
        f | 2020-04-01 | 2020-04-01 | | | | | | 2020-04-08 | 90
    """)
    batch = curate(WIDE, {"wide.csv": rows})
    kinds = {row["event_id"]: row["event_type"] for row in batch.table("clinical_event")} | {None: None}
    assert {who: kinds[batch.of("measurement", who)[0]["parent_event_id"]] for who in "abcdef"} == {
        "a": "icu_stay",
        "b": "hospital_stay",
        "c": None,
        "d": "hospital_stay",
        "e": None,
        "f": None,
    }


def test_the_highest_support_is_an_event_without_days_beside_those_with_days(curate: Any, table: Table) -> None:
    rows = table("""
        id | study      | came       | left       | device | since      | most
        a  | 2020-04-01 | 2020-04-01 | 2020-04-20 | NC     | 2020-04-02 | ECMO
        b  | 2020-04-01 | 2020-04-01 | 2020-04-20 | NC     | 2020-04-02 |
    """)
    batch = curate(WIDE, {"wide.csv": rows})
    names = ("device", "start_day", "end_day", "who_scale_floor")
    events = [row for row in batch.of("clinical_event", "a") if row["device"]]
    assert sorted((tuple(row[name] for name in names) for row in events), key=str) == [
        ("ecmo", None, None, 9),
        ("nasal_cannula", 1, None, 5),
    ]
    (stay,) = [row["event_id"] for row in batch.of("clinical_event", "a") if row["event_type"] == "hospital_stay"]
    assert {row["parent_event_id"] for row in events} == {stay}
    assert batch.subject("a")["ever_ventilated"] == "Yes"
    assert [row["device"] for row in batch.of("clinical_event", "b") if row["device"]] == ["nasal_cannula"]


def test_drugs_by_name_or_code(curate: Any, table: Table) -> None:
    rows = table("""
        id | from       | to         | drug | code    | system | route       | dose | unit
        a  | 2020-04-01 | 2020-04-10 | Dexa | H02AB02 |        | Intravenous | 6    | mg
        a  |            |            |      | 1234    | RxNorm |             |      |
        b  |            |            |      | 1234    |        |             |      |
        b  |            |            |      | J05AB16 | RxNorm |             |      |
        c  |            |            |      |         |        | oral        |      |
        c  |            |            | Dexa |         |        | oral        | 6    |
        d  |            |            | Odd  |         |        |             |      |
    """)
    batch = curate(LONG, {"drugs.csv": rows})
    names = ("name", "code", "code_system", "route", "dose", "dose_unit")
    assert sorted((tuple(row[name] for name in names) for row in batch.of("medication", "a")), key=str) == [
        ("dexamethasone", "H02AB02", "ATC", "intravenous", 6.0, "mg"),
        (None, "1234", "RxNorm", None, None, None),
    ]
    assert sorted(held(batch, "medication").values()) == [
        "H-CODE-SYSTEM",
        "H-CODE-SYSTEM",
        "H-NAMELESS",
        "H-UNIT",
        "S-UNMAPPED",
    ]


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["36.6", "1.234"], "point"),
        (["36,6", "1,234"], "comma"),
        (["1.234"], "ambiguous"),
        (["1,234", "12"], "ambiguous"),
        (["0.123"], "point"),
        (["0,123"], "comma"),
        (["1,234.5"], "point"),
        (["1.234,5"], "comma"),
        (["1.234.567"], "comma"),
        (["36,6", "36.6"], "mixed"),
        (["12", "many", "1e3"], "point"),
        (["1.5e3"], "point"),
        (["1,5e3"], "comma"),
        ([".5"], "point"),
        (["1234.567"], "point"),
        ([], "point"),
    ],
)
def test_the_decimal_mark_is_proved_by_the_column(texts: list[str], mark: str) -> None:
    assert decimal_mark(texts) == mark


@pytest.mark.parametrize(
    ("text", "mark", "decision"),
    [
        ("-12", "mixed", (-12.0, None)),
        ("1.234", "ambiguous", (None, "H-DECIMAL")),
        ("36,6", "mixed", (None, "H-DECIMAL")),
        ("many", "ambiguous", (None, "S-UNMAPPED")),
        ("1,234.5", "point", (1234.5, None)),
        ("1.234,5", "comma", (1234.5, None)),
        ("1.5e3", "point", (1500.0, None)),
        ("36,6", "point", (None, "S-UNMAPPED")),
        ("nan", "point", (None, "S-UNMAPPED")),
        ("inf", "point", (None, "S-UNMAPPED")),
        ("<5", "point", (None, "S-UNMAPPED")),
        ("1_000", "point", (None, "S-UNMAPPED")),
    ],
)
def test_a_number_is_read_by_the_mark_of_its_column(text: str, mark: str, decision: object) -> None:
    assert decide_number(text, mark) == decision


def test_a_declared_mark_and_missing_words_go_first() -> None:
    column = Column(field="test.value", decimal="comma", missing=("9.99",))
    cells = pa.array(["1,234", "9.99", ""])
    assert map_numbers(cells, column, cells).values.to_pylist() == [1.234, None, None]
    voted = map_numbers(cells, Column(field="test.value", missing=("9.99",)), cells)
    assert voted.rules.to_pylist() == ["H-DECIMAL", None, None]
    assert voted.mapping == "number:ambiguous by vote"


def test_codes_of_drugs_and_units_by_their_form() -> None:
    assert decide_drug("h02ab02") == ("H02AB02", None)
    assert decide_drug("H02") == ("H02", None)
    assert decide_drug("617314") == ("617314", None)
    assert decide_drug("H2") == decide_drug("0123") == (None, "S-UNMAPPED")
    assert decide_unit("mg/dL") == ("mg/dL", None)
    assert decide_unit("x" * 21) == (None, "S-UNMAPPED")


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "measurement.value", "name": "shoe size"},
        {"field": "test.value", "name": "height"},
        {"field": "measurement.value", "name": "height", "unit": "kg"},
        {"field": "medication.dose", "unit": "spoon"},
        {"field": "test.start", "decimal": "comma"},
    ],
)
def test_a_column_that_cannot_be_converted_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Column(**wrong)


@pytest.mark.parametrize("field", ["breathing_support.maximum", "measurement.value"])
def test_named_measurements_and_the_highest_support_belong_to_wide_tables(field: str) -> None:
    columns: dict[str, Any] = {"id": "patient_id", "kind": "event.kind", "x": {"field": field}}
    if field == "measurement.value":
        columns["x"]["name"] = "height"
    with pytest.raises(ValidationError, match="belong to wide tables"):
        Site(code="s09", tables=({"pattern": "*", "shape": "long", "columns": columns},))


def test_columns_that_name_nothing_are_shared_by_the_named_ones_of_their_slot() -> None:
    site = Site.model_validate({"code": "s09"} | {"tables": [{"pattern": "*", "columns": {
        "id": "patient_id",
        "day": "measurement.start",
        "h": {"field": "measurement.value", "name": "height", "unit": "cm"},
        "h day": {"field": "measurement.start", "name": "height"},
        "w": {"field": "measurement.value", "name": "weight", "unit": "kg"},
        "other": {"field": "measurement.value", "slot": 2},
    }}]})  # fmt: skip
    (table,) = site.tables
    found = columns_of("measurement", table, table.columns)
    assert sorted(
        tuple(sorted(header for header, _ in one.values())) for one in found.values()
    ) == [("day", "w"), ("h", "h day"), ("other",)]  # fmt: skip
    assert columns_of("medication", table, table.columns) == {}
    assert "name" in KINDS["measurement"]
