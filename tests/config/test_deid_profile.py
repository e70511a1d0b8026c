"""The standard's tables are what the standard says, and our decisions fit them."""

import hashlib
import json
import pickle
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_keyword, dictionary_VR

from config.deid import load_profile, profile, regenerate
from config.deid.profile import tag_number
from config.deid.rows import rows_of, text_of
from config.errors import ConfigError
from config.rules import ledger_rules

PROFILE = load_profile()
DOCUMENT = tomllib.loads(text_of("profile.toml"))
TABLE = rows_of("table_e1_1.csv")
OPTIONS = [name for name in TABLE[0] if name.startswith(("rtn_", "clean_"))]


def digest_of(rows: list[dict[str, str]], columns: list[str]) -> str:
    """SHA-256 of the columns that the standard's table has."""
    return hashlib.sha256(json.dumps([[row[name] for name in columns] for row in rows]).encode()).hexdigest()


def test_table_e1_1_is_that_of_the_edition() -> None:
    assert DOCUMENT["edition"] == PROFILE.edition == "2026d"
    assert f"edition {PROFILE.edition}, 657 rows" in text_of("table_e1_1.csv").splitlines()[0]
    counts = Counter(row["basic_profile"] for row in TABLE)
    assert len(TABLE) == 657
    assert counts == {
        "X": 417, "D": 93, "U": 55, "Z": 42, "X/D": 23, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2,
    }  # fmt: skip
    columns = ["tag", "name", "retired", "in_std_comp_iod", "basic_profile", *OPTIONS]
    assert digest_of(TABLE, columns) == "52447b0b541ac40ed5cc04fe8525775456543df2c34476128760a9beace69498"


def test_cid_7050_is_that_of_the_edition() -> None:
    rows = rows_of("cid_7050.csv")
    assert [row["code_value"] for row in rows] == [*(str(code) for code in range(113100, 113113)), "109104"]
    assert (
        digest_of(rows, ["code_value", "coding_scheme", "code_meaning"])
        == "cda09b1af640b7d1db8e2752dcde945c0a1535d95ee8701bc0b1b618cb76cd64"
    )


def test_the_options_that_are_on_are_the_codes_that_are_written() -> None:
    assert set(DOCUMENT["options"]) == set(OPTIONS)
    assert [code.value for code in PROFILE.method] == [
        "113100", "113103", "113104", "113105", "113107", "113108", "113111",
    ]  # fmt: skip
    assert PROFILE.equipment.meaning == "De-identifying Equipment"


def test_keywords_and_vrs_agree_with_the_dictionary_where_it_has_them() -> None:
    for row in TABLE:
        if row["keyword_source"] == "pydicom":
            tag = tag_number(row["tag"])
            assert (row["keyword"], row["vr"]) == (dictionary_keyword(tag), dictionary_VR(tag))


def test_attributes_that_the_dictionary_lacks_have_a_vr() -> None:
    lacking = [row for row in TABLE if row["keyword_source"] == "derived"]
    assert len(lacking) == 26
    assert all(row["vr"] for row in lacking)


@pytest.mark.parametrize(
    ("tag", "code", "basic"),
    [
        (0x00080020, "C", "Z"),  # Study Date: an option
        (0x00101010, "K", "X"),  # Patient's Age: an option
        (0x00102110, "X", "X"),  # Allergies: an option that we do not follow
        (0x00081030, "C", "X"),  # Study Description: an option
        (0x00104000, "X", "X"),  # Patient Comments: an option that we do not follow
        (0x00081010, "X/Z/D", "X/Z/D"),  # Station Name: an option that is off
        (0x00081140, "U", "X/Z/U*"),  # Referenced Image Sequence: our own
        (0x0018A001, "X", "X"),  # Contributing Equipment Sequence: our own, not in the table
        (0x00181203, "Z", "Z"),  # Calibration DateTime: our own
        (0x00080106, "D", "D"),  # Context Group Version: our own
    ],
)
def test_options_and_overrides_decide_in_this_order(tag: int, code: str, basic: str) -> None:
    assert (PROFILE.attributes[tag].code, PROFILE.attributes[tag].basic) == (code, basic)


def test_every_decision_has_its_reason() -> None:
    for decision in (*DOCUMENT["override"], *DOCUMENT["removed_groups"]):
        assert len(decision["reason"]) > 20
    assert all(row["reason"] for row in (*rows_of("kept.csv"), *rows_of("sop_classes.csv")))


def test_what_is_kept_is_not_in_the_table_and_is_named_right() -> None:
    for row in rows_of("kept.csv"):
        tag = tag_number(row["tag"])
        assert tag not in PROFILE.attributes
        assert (dictionary_keyword(tag), dictionary_VR(tag)) == (row["keyword"], row["vr"])
        assert row["kept"] in ("value", "words", "label", "bytes")


def test_every_sop_class_passes_or_is_held_by_a_rule() -> None:
    rows = rows_of("sop_classes.csv")
    assert len({row["uid"] for row in rows}) == len(rows)
    for row in rows:
        if row["disposition"] == "pass":
            assert row["iod"] in PROFILE.iods
            assert row["pixels"] in ("not_checked", "not_needed")
            assert bool(row["rule_id"]) is bool(row["needs"])
            assert row["needs"] in ("", *OPTIONS)
        else:
            assert row["disposition"] == "hold"
            assert row["rule_id"] in ledger_rules()
            assert not row["iod"]


def test_a_class_that_needs_an_option_is_held_without_it() -> None:
    report = "1.2.840.10008.5.1.4.1.1.88.33"
    assert PROFILE.sop_classes[report].rule_id == ""
    off = profile.profile_of(profile.document_of_profile(clean_struct_cont=False))
    assert off.sop_classes[report].rule_id == "DE-STRUCTURED"


def test_table_e3_10_1_is_that_of_the_edition() -> None:
    rows = rows_of("safe_private.csv")
    assert len(rows) == len(PROFILE.safe_private) == 479
    assert f"edition {PROFILE.edition}, 479 rows" in text_of("safe_private.csv").splitlines()[0]
    assert digest_of(rows, ["group", "element", "private_creator", "vr", "vm", "meaning"]) == (
        "b422869cd41f121c0ed147d759db33787de1204ede77ec0faed3f47ef7777924"
    )
    assert PROFILE.safe_private["ELSCINT1", 0x01F1, 0x26] == profile.SafePrivate("DS", "1")


def test_words_are_of_one_use_and_in_order() -> None:
    rows = rows_of("words.csv")
    words = [row["word"] for row in rows]
    assert words == sorted(set(words))
    assert {row["use"] for row in rows} == {"technique", "name"}
    assert all(word == word.lower() and word.isalpha() for word in words)


@pytest.mark.parametrize("option", [*OPTIONS, "none"])
def test_each_option_adds_its_code_and_no_other(option: str) -> None:
    off = dict.fromkeys(OPTIONS, False)
    made = profile.profile_of(profile.document_of_profile(**off | ({option: True} if option in OPTIONS else {})))
    codes = {row["e1_1_column"]: row["code_value"] for row in rows_of("cid_7050.csv") if row["e1_1_column"]}
    assert [code.value for code in made.method] == ["113100", *([codes[option]] if option in OPTIONS else [])]
    assert made.options == ({option} if option in OPTIONS else set())
    assert made.digest != PROFILE.digest
    changed = {attribute.option for attribute in made.attributes.values()}
    assert changed <= {"", option}


def test_full_and_modified_dates_exclude_one_another() -> None:
    with pytest.raises(ConfigError, match="rtn_long_full_dates and rtn_long_modif_dates exclude"):
        profile.profile_of(profile.document_of_profile(rtn_long_full_dates=True))


def test_an_option_that_the_standard_does_not_have_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no option rtn_everything"):
        profile.profile_of(profile.document_of_profile(rtn_everything=True))


def test_an_option_takes_back_a_decision_that_was_made_without_it() -> None:
    calibration, zone = 0x00181200, 0x00080201
    assert (PROFILE.attributes[calibration].code, PROFILE.attributes[zone].code) == ("X", "X")
    device = profile.profile_of(profile.document_of_profile(rtn_dev_id=True))
    dates = profile.profile_of(profile.document_of_profile(rtn_long_full_dates=True, rtn_long_modif_dates=False))
    assert (device.attributes[calibration].code, dates.attributes[calibration].code) == ("K", "X")
    assert (device.attributes[zone].code, dates.attributes[zone].code) == ("X", "K")


def test_the_tables_of_types_are_what_the_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "FOLDER", tmp_path)
    regenerate.main()
    for name in ("iod_modules.csv", "module_types.csv"):
        made = (tmp_path / name).read_text(encoding="utf-8")
        assert made.split("\n", 1)[1] == text_of(name).split("\n", 1)[1]


def test_types_are_found_by_path() -> None:
    types = PROFILE.module_types["general-series"]
    assert types[()][0x00080060] == "1"
    assert PROFILE.module_types["contrast-bolus"][()][0x00180010] == "2"


def test_the_digest_changes_with_any_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(PROFILE.digest) == 64
    assert profile.load_profile.__wrapped__().digest == PROFILE.digest
    monkeypatch.setattr(profile, "text_of", lambda name: text_of(name) + ("\n" if name == "kept.csv" else ""))
    assert profile.load_profile.__wrapped__().digest != PROFILE.digest


def test_a_profile_travels_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(PROFILE))  # noqa: S301 -- our own
    assert (copy.digest, copy.attributes, copy.dates) == (PROFILE.digest, PROFILE.attributes, PROFILE.dates)


def test_a_pattern_is_no_tag() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        tag_number("(60xx,3000)")
