"""The LOINC tables keep among themselves what codes of a release must keep."""

from importlib.resources import files

import pytest

from config.errors import ConfigError
from config.rules import rows_of
from config.vocab import loinc, words_of_views
from config.vocab.loinc import (
    codes_by_name,
    decisions,
    imaging_codes,
    labelled,
    region_of_body_part,
    regions,
    word_rows,
)
from config.vocab.terms import LOINC_CONTRAST
from tasks.harmonize.loinc.known import key_of, known_codes
from tasks.harmonize.loinc.text import words_of
from tasks.validate.loinc import has_valid_check_digit

CODE = {
    "loinc_code": "24627-2", "long_common_name": "CT Chest", "system": "Chest", "method": "CT", "contrast": "",
    "laterality": "", "status": "ACTIVE",
}  # fmt: skip


def test_every_code_has_a_valid_check_digit_and_its_attributes() -> None:
    for code in imaging_codes().values():
        assert has_valid_check_digit(code.code)
        assert code.contrast in ("", *LOINC_CONTRAST)
        assert code.system
        assert code.method


def test_names_of_active_codes_are_unique() -> None:
    assert len(codes_by_name()) == sum(code.is_active for code in imaging_codes().values())


def test_the_notice_travels_with_the_codes() -> None:
    assert "Regenstrief" in files("config").joinpath("vocab/LOINC_NOTICE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([CODE, CODE], "L-LOINC-UNIQUE"), ([CODE | {"system": ""}], "L-LOINC-ATTR"),
        ([CODE | {"contrast": "MAYBE"}], "L-LOINC-ATTR"),
    ],
)  # fmt: skip
def test_codes_that_are_not_sound_are_refused(
    rows: list[dict[str, str]], rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loinc, "rows_of", lambda _: rows)
    with pytest.raises(ConfigError, match=rule):
        imaging_codes.__wrapped__()


@pytest.mark.parametrize(
    ("codes", "rule"),
    [(("24627-2", "24628-0"), "L-LOINC-UNIQUE"), (("36934-8",), "L-LOINC-ATTR"), (("1-8",), "L-LOINC-ATTR")],
)
def test_descriptions_with_two_codes_or_none_of_ours_are_refused(
    codes: tuple[str, ...], rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tuple(loinc.Labelled("CT", "SOME EXAM", code) for code in codes)
    monkeypatch.setattr("tasks.harmonize.loinc.known.labelled", lambda: made)
    with pytest.raises(ConfigError, match=rule):
        known_codes.__wrapped__()


def test_every_decision_is_on_a_published_description_and_has_a_reason() -> None:
    published = {key_of(row) for row in labelled()}
    assert all(key_of(row) in published for row in decisions())
    assert all(row["reason"] for row in rows_of("vocab/loinc_decisions.csv"))


def test_no_word_has_two_meanings_in_one_family() -> None:
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for row in word_rows():
        for phrase in row.phrases:
            for family in row.families or ("all",):
                key = family, words_of(phrase)
                assert key not in seen, key
                seen.add(key)


def test_words_and_body_parts_name_regions_that_have_a_name() -> None:
    named = {region for row in regions() for region in row.regions}
    said = {value for row in word_rows() for kind, value in row.meanings if kind == "region"}
    assert said | {region for parts in region_of_body_part().values() for region in parts} <= named
    assert {row.parent for row in regions() if row.parent} <= named


def test_views_of_headers_are_words_of_descriptions() -> None:
    said = {value for row in word_rows() for kind, value in row.meanings if kind == "view"}
    assert set(words_of_views().values()) <= said
