"""Cells by column: codes, dates, ages, places and outside codes; what is undecided has a rule and no value."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fields import field_of
from config.site_tables import Column
from config.vocab import body_part_of, code_sets, covid_assays, small_zip3, vendor_of
from config.vocab.terms import DEVICE, DISCHARGE, TEST_CLASS
from tasks.harmonize.ages import map_ages
from tasks.harmonize.cells import Mapped
from tasks.harmonize.codes import map_codes
from tasks.harmonize.dates import map_dates, voted_order
from tasks.harmonize.numbers import decide_number
from tasks.harmonize.places import decide_country, decide_zip3
from tasks.harmonize.race_ethnicity import combined, elsewhere
from tasks.harmonize.terminology import decide_diagnosis, decide_loinc


def answers(mapped: Mapped) -> list[object]:
    """Give value or rule of each cell."""
    return [rule or value for value, rule in zip(mapped.values.to_pylist(), mapped.rules.to_pylist(), strict=True)]


def coded(
    field: str, cells: list[str], own: dict[str, dict[str, str]] | None = None, **options: object
) -> list[object]:
    kind = field_of(field)
    assert kind is not None
    return answers(map_codes(pa.array(cells, pa.string()), Column(field=field, **options), kind, own or {}))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["M", "F", ""], ["Male", "Female", None]),
        (["H", "M"], ["Male", "Female"]),  # Hombre, Mujer
        (["M", "V"], ["S-CODESET"] * 2),  # Man and Vrouw, or Mujer and Varón
        (["Ж", "\N{CYRILLIC CAPITAL LETTER EM}"], ["Female", "Male"]),
        (["M", ""], ["S-CODESET", None]),  # male in English, female in Spanish
        (["H", "M", "F"], ["S-CODESET"] * 3),
        (["M", "F", "Q"], ["Male", "Female", "S-UNMAPPED"]),
        (["0", "1", "N/A"], ["S-CODESET", "S-CODESET", None]),
        (["", "NA"], [None, None]),
    ],
)
def test_the_code_set_of_sex_is_chosen_by_the_whole_column(cells: list[str], expected: list[object]) -> None:
    assert coded("subject.sex", cells) == expected


def test_declared_codes_go_before_everything() -> None:
    codes = {"M": "Female", "0": "Female", "NA": "Other"}
    assert coded("subject.sex", ["m", "0", "NA", "F"], codes=codes) == ["Female", "Female", "Other", "S-UNMAPPED"]
    assert coded("subject.sex", ["1"], {"own": {"1": "Male"}}, codes="own") == ["Male"]
    assert coded("subject.sex", ["M", "9"], codes="sex.es", missing=["9"]) == ["Female", "Not Reported"]
    assert coded("subject.sex", ["M", "7"], codes="sex.es", missing=["7"]) == ["Female", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DETECTED", "Positive"),
        ("NOT DETECTED", "Negative"),
        ("Non-reactive", "Negative"),
        ("presumptive positive", "Indeterminate"),
        ("QNS", "Not Reported"),
        ("maybe", "S-UNMAPPED"),
    ],
)
def test_test_results(text: str, expected: str) -> None:
    assert coded("test.result", [text]) == [expected]


def test_signs_are_results_only_among_signs() -> None:
    assert coded("test.result", ["+", "-"]) == ["Positive", "Negative"]
    assert coded("test.result", ["Positive", "Negative", "-"]) == ["Positive", "Negative", None]


def test_two_as_no_has_to_be_declared() -> None:
    assert coded("subject.ever_icu", ["1", "2"]) == ["S-CODESET"] * 2
    assert coded("subject.ever_icu", ["1", "2"], codes="yes_no.coded") == ["Yes", "No"]
    assert coded("subject.ever_icu", ["1", "2"], codes={"1": "Yes", "2": "No"}) == ["Yes", "No"]


def test_several_races_in_a_cell_are_a_list() -> None:
    cells = ["White or Caucasian, Black or African American", "Asian", "Asian; Klingon", "Chinese|Unknown", "NHPI"]
    assert coded("subject.race", cells) == [
        "Black or African American|White",
        "Asian",
        "S-UNMAPPED",
        "Asian|Not Reported",
        "Native Hawaiian or Pacific Islander",
    ]
    assert coded("subject.race", ["White and Asian"], separator=" and ") == ["Asian|White"]
    assert coded("subject.race", ["White,n/a"]) == ["White"]


def test_a_field_without_built_in_words_knows_its_canonical_values() -> None:
    assert coded("test.name", ["covid-19", "flu"]) == ["COVID-19", "S-UNMAPPED"]


def dates(cells: list[str], form: str = "vote", **options: object) -> list[object]:
    column = pa.array(cells, pa.string())
    return answers(map_dates(column, Column(field="death.start", date=form, **options), column))


DAY = date(2020, 4, 13)


@pytest.mark.parametrize(
    ("cells", "form", "expected"),
    [
        (["13/04/2020", "01/02/2020"], "vote", [DAY, date(2020, 2, 1)]),
        (["04-13-2020", "01-02-2020"], "vote", [DAY, date(2020, 1, 2)]),
        (["13/04/2020", "04/13/2020"], "vote", ["C-DATE-ORDER-VOTE"] * 2),
        (["01/02/2020", "03/03/2020"], "vote", ["S-DATE-AMBIGUOUS", date(2020, 3, 3)]),
        (["03/03/2020"], "vote", [date(2020, 3, 3)]),
        (["2020-04-13", "20200413", "2020/4/13 09:30", "2020-04-13T09:30:00Z"], "vote", [DAY] * 4),
        (["13.04.2020 23:59", "31/02/2020", "04/13/2020"], "dmy", [DAY, "S-DATE", "S-DATE"]),
        (["04/13/2020", "2020-04-13"], "mdy", [DAY, DAY]),
        (["04/03/2020", "2020.4.13"], "ymd", ["S-DATE", DAY]),
        (["04/03/2020"], "iso", ["S-DATE"]),
        (["13Apr2020", "2020-04-13", "x"], "%d%b%Y", [DAY, DAY, "S-DATE"]),
        (["13042020"], "%d%m%Y", [DAY]),
        (["", "NULL", "01/01/1900", "9999-12-31", "7"], "dmy", [None, None, None, None, "S-DATE"]),
        (["13/04/20", "2020", "last week"], "dmy", ["S-DATE"] * 3),
        (["1850-01-01", "2999-01-01"], "iso", ["C-FUTURE"] * 2),
    ],
)
def test_dates(cells: list[str], form: str, expected: list[object]) -> None:
    assert dates(cells, form) == expected


def test_a_declared_number_is_a_missing_date() -> None:
    assert dates(["7", "2020-04-13"], missing=["7"]) == [None, DAY]


@given(st.lists(st.dates(date(1900, 1, 2), date(2199, 12, 30)), min_size=1), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_a_voted_column_is_read_right_or_not_at_all(days: list[date], form: str) -> None:
    written = [f"{day:{form}}" for day in days]
    read = dates(written)
    order = voted_order(written)
    assert order != "mixed"
    assert all(found in {day, "S-DATE-AMBIGUOUS"} for found, day in zip(read, days, strict=True))


@given(st.dates(date(1900, 1, 2), date(2199, 12, 30)), st.integers(-300, 300))
def test_dates_keep_their_distance(day: date, days: int) -> None:
    other = min(max(day + timedelta(days=days), date(1900, 1, 2)), date(2199, 12, 30))
    one, two = dates([f"{day:%d/%m/%Y}", f"{other:%d/%m/%Y}"], "dmy")
    assert isinstance(one, date)
    assert isinstance(two, date)
    assert two - one == other - day


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45", 45),
        ("45.0", 45),
        ("0", 0),
        ("89", 89),
        ("90", 90),
        ("101", 90),
        ("90+", 90),
        (">89", 90),
        ("890", 90),
        ("999", None),
        ("", None),
        ("120M", 10),
        ("018M", 1),
        ("045Y", 45),
        ("300D", 0),
        ("60 w", 1),
        ("45.5", "D-AGE-RANGE"),
        ("126", "D-AGE-RANGE"),
        ("-1", "D-AGE-RANGE"),
        ("old", "D-AGE-RANGE"),
    ],
)
def test_ages(text: str, expected: object) -> None:
    column = Column(field="subject.age_at_index")
    assert answers(map_ages(pa.array([text]), column, completed_years=False)) == [expected]


def test_ages_in_months_and_with_decimals_when_declared() -> None:
    months = Column(field="subject.age_at_index", unit="months")
    assert answers(map_ages(pa.array(["30", "45Y"]), months, completed_years=False)) == [2, 45]
    years = Column(field="subject.age_at_index", missing=["0"])
    assert answers(map_ages(pa.array(["45.9", "0"]), years, completed_years=True)) == [45, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60637", "606"), ("02139-4307", "021"), ("606", "606"), ("03601", "000"), ("2139", None), ("W1A", None)],
)
def test_zip_areas(text: str, expected: str | None) -> None:
    assert decide_zip3(text) == (expected, None if expected else "S-UNMAPPED")


def test_countries_and_numbers() -> None:
    assert decide_country("tr") == ("TR", None)
    assert decide_country("Turkey") == (None, "S-UNMAPPED")
    assert decide_number("1.5", "point") == (1.5, None)
    assert decide_number("1,5", "point") == (None, "S-UNMAPPED")


def test_loinc_codes_have_a_check_digit() -> None:
    assert {decide_loinc(code)[1] for code in covid_assays()} == {None}
    assert decide_loinc("94500-7") == (None, "S-UNMAPPED")
    assert decide_loinc("covid") == (None, "S-UNMAPPED")


@pytest.mark.parametrize(
    ("text", "expected"), [("u07.1", "U07.1"), ("J18", "J18"), ("840539006", "840539006"), ("pneumonia", None)]
)
def test_diagnoses(text: str, expected: str | None) -> None:
    assert decide_diagnosis(text)[0] == expected


@pytest.mark.parametrize(
    ("told", "categories", "expected"),
    [
        (
            (None, "White", "Hispanic or Latino"),
            "Hispanic or Latino|White",
            ("White", "Hispanic or Latino", "OMB-1997"),
        ),
        (
            (None, "Asian|White", "Not Hispanic or Latino"),
            "Asian|White",
            ("Other", "Not Hispanic or Latino", "OMB-1997"),
        ),
        ((None, "Not Reported", None), "Not Reported", ("Not Reported", "Not Reported", "OMB-1997")),
        (("Hispanic or Latino", None, None), "Hispanic or Latino", ("Not Reported", "Hispanic or Latino", "OMB-SPD15")),
        (
            ("Middle Eastern or North African", None, None),
            "Middle Eastern or North African",
            ("White", "Not Hispanic or Latino", "OMB-SPD15"),
        ),
        (("Not Reported", None, None), "Not Reported", ("Not Reported", "Not Reported", "OMB-SPD15")),
        ((None, None, None), "Not Reported", ("Not Reported", "Not Reported", "OMB-SPD15")),
    ],
)
def test_race_and_ethnicity(told: tuple[str | None, ...], categories: str, expected: tuple[str, str, str]) -> None:
    found = combined(*told)
    assert found.race_ethnicity == tuple(categories.split("|"))
    assert (found.race, found.ethnicity, found.race_scheme) == expected


def test_a_scheme_outside_the_us_is_not_forced_into_us_categories() -> None:
    assert elsewhere("Indian", "NHS").race_ethnicity == ("Not Reported",)
    assert elsewhere(None, "NHS").race == "Not Reported"


def test_vendors_and_body_parts_have_one_spelling() -> None:
    spellings = ("GE MEDICAL SYSTEMS", "GE", '"GE Healthcare"', "GE MEDICAL S]STEMS")
    assert {vendor_of(name) for name in spellings} == {"GE"}
    assert {vendor_of(name) for name in ("SIEMENS", "Siemens Healthineers")} == {"Siemens"}
    assert vendor_of("Gerber") is None
    assert body_part_of("thorax") == "CHEST"
    assert body_part_of("CHEST PA AND LA") is None


def test_the_vocabularies_are_whole() -> None:
    assert len(small_zip3()) == 19
    assert set(covid_assays().values()) == {"naat", "antigen", "antibody", "not_reported"}
    assert code_sets()["sex.es"]["m"] == "Female"
    assert code_sets()["discharge.pt"]["óbito"] == code_sets()["discharge.pt"]["obito"] == "expired"
    assert (
        code_sets()["breathing_support.ja"]["ネーザルハイフロー"]
        == code_sets()["breathing_support.ja"]["nhf"]
        == "hfnc"
    )


@pytest.mark.parametrize(
    ("vocabulary", "values"), [("breathing_support", DEVICE), ("discharge", DISCHARGE), ("test_class", TEST_CLASS)]
)
def test_words_of_every_language_mean_canonical_values(vocabulary: str, values: tuple[str, ...]) -> None:
    languages = {name.partition(".")[2]: set(words.values()) for name, words in code_sets().items()
                 if name.startswith(f"{vocabulary}.")}  # fmt: skip
    assert {"any", "en", "es", "it", "pt", "fr", "de", "ja", "zh"} <= languages.keys()
    assert set().union(*languages.values()) <= set(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-03-0112:30", "2020-03-01"),
        ("20200301 1230", "2020-03-01"),
        ("20200301123000", "2020-03-01"),
        ("20200301 12:30", "2020-03-01"),
        ("2020-03-01T12:30:00+0100", "2020-03-01"),
        ("2020-03-01, 12:30:00,123", "2020-03-01"),
        ("25/03/202012:30", "2020-03-25"),
        ("25/03/2020 2:30 PM", "2020-03-25"),
        ("2020\u5e743\u67081\u65e5", "2020-03-01"),
        ("2020-03-112:30", "S-DATE"),  # the first at 12:30, or the eleventh at 2:30
        ("25/03/20", "S-DATE"),
    ],
)
def test_times_that_are_glued_on_do_not_hide_the_date(text: str, expected: str) -> None:
    cells = pa.array([text])
    mapped = map_dates(cells, Column(field="test.start"), cells)
    assert [str(answer) for answer in answers(mapped)] == [expected]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "March 3, 2020", "2020-03-03"),
        ("en", "3rd March 2020", "2020-03-03"),
        ("en", "03-MAR-2020", "2020-03-03"),
        ("es", "3 de enero de 2020", "2020-01-03"),
        ("es", "3-ene-2020", "2020-01-03"),
        ("es", "3 Jan 2020", "2020-01-03"),  # English is read everywhere
        ("en", "3-ene-2020", "S-DATE"),
        ("de", "3. M\u00e4rz 2020", "2020-03-03"),
        ("fr", "3 f\u00e9vr 2020", "2020-02-03"),
        ("pt", "3/fev/2020", "2020-02-03"),
        ("it", "3 gennaio 2020 12:30", "2020-01-03"),
        ("ja", "3 Jan 2020", "2020-01-03"),
        ("en", "31 Feb 2020", "S-DATE"),
        ("en", "Mar 2020", "S-DATE"),
        ("en", "3 Mar 20", "S-DATE"),
        ("en", "May May 2020", "S-DATE"),
    ],
)
def test_months_may_be_words_of_the_sites_language(language: str, text: str, expected: str) -> None:
    cells = pa.array([text])
    mapped = map_dates(cells, Column(field="test.start"), cells, language)
    assert [str(answer) for answer in answers(mapped)] == [expected]


def test_not_detected_is_not_detected_within() -> None:
    cells = ["Detected", "NOT DETECTED", "Not detected"]
    assert coded("test.result", cells) == ["Positive", "Negative", "Negative"]
