"""Site files: what a site may say, and that a wrong file names every wrong field before any data is read."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import ConfigError
from config.fields import DETAIL, EVENT_KINDS, KINDS, field_of
from config.site import Site, load_site

ROOT = Path(__file__).parents[2]
SITES = ROOT / "config/sites"
TABLE = """
[[tables]]
pattern = "*.csv"
[tables.columns]
id = "patient_id"
"""


def written(folder: Path, text: str) -> Site:
    (folder / "s09.toml").write_text(text, encoding="utf-8")
    return load_site(folder, "s09")


@pytest.mark.parametrize("path", sorted(SITES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_site_file_loads_and_is_named_after_its_code(path: Path) -> None:
    assert load_site(SITES, path.stem).code == path.stem


def test_an_empty_file_is_a_site_that_sends_images_only(tmp_path: Path) -> None:
    site = written(tmp_path, "")
    assert (site.code, site.id_issuer, site.country, site.tables) == ("s09", "s09", "US", ())
    assert (site.index.event, site.accept_not_checked) == ("First Imaging Study", True)


def test_the_example_of_the_docs_is_a_site_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/site-file.md").read_text(encoding="utf-8"), re.DOTALL)
    site = written(tmp_path, example)
    assert [table.shape for table in site.tables] == ["wide", "long"]


def test_the_docs_name_every_kind_and_attribute() -> None:
    text = (ROOT / "docs/site-file.md").read_text(encoding="utf-8")
    names = {*KINDS, *(name for attributes in KINDS.values() for name in attributes)}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_an_unknown_site_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path, "nowhere")
    assert caught.value.next_step == f"write {tmp_path / 'nowhere.toml'}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("country = 'USA'\nhospital = 'x'", ["country: String should match", "hospital: Extra inputs"]),
        ("[facts]\nsends_icu = 'sometimes'\n[index]\nevent = 'Birth'", ["facts.sends_icu", "index.event"]),
        ("[index]\nevent = 'First Imaging Study'\nfound_by = 'first_positive_test'", ["is a COVID-19 Test"]),
        ("country", ["no valid TOML"]),
        (
            TABLE + "x = 'subject.shoe_size'\ny = 'sex'",
            ["columns.x.field: Value error, is no field", "columns.y.field"],
        ),
        (TABLE + "x = 7", ["tables.0.columns.x"]),
        (TABLE + "x = 'event.device'", ["is no field"]),
        (TABLE + "x = {field = 'death.start', date = '%d.%m'}", ["is none of vote"]),
        (TABLE + "x = {field = 'subject.sex', date = 'dmy'}", ["date is given for a field that is no date"]),
        (TABLE + "x = {field = 'death.start', codes = 'sex.en'}", ["codes are given for a field that has none"]),
        (TABLE + "x = {field = 'subject.age_at_index', unit = 'days'}", ["the unit of an age"]),
        (TABLE + "x = 'patient_id'", ["exactly one column is the patient_id", "patient_id is named twice"]),
        (TABLE + "x = 'event.kind'", ["a long table has one event.kind", "event fields belong to long tables"]),
        (TABLE + "x = 'death.start'\ny = 'death.start'", ["death.start is named twice"]),
        (
            TABLE
            + "x = {field = 'subject.sex', codes = 'sex.xx'}\ny = {field = 'subject.race', codes = {a = 'Green'}}",
            ["tables.0.columns.x.codes: there is no code set", "tables.0.columns.y.codes: maps to a value"],
        ),
        ("[codes.own]\n1 = 'Man'" + TABLE + "x = {field = 'subject.sex', codes = 'own'}", ["maps to a value"]),
        ("[[tables]]\npattern = 'x'\nencoding = 'klingon'\ncolumns = {a = 'patient_id'}", ["no known encoding"]),
        ("[[tables]]\npattern = 'x'\ndelimiter = '::'\ncolumns = {a = 'patient_id'}", ["tables.0.delimiter"]),
        (
            "[[tables]]\npattern = 'x'\nconstant = {'test.class' = 'pcr'}\ncolumns = {a = 'patient_id'}",
            ["test.class is no coded field, or has no such value"],
        ),
        (
            "[[tables]]\npattern = 'x'\nconstant = {'test.start' = '2020'}\ncolumns = {a = 'patient_id'}",
            ["test.start is no coded field"],
        ),
    ],
)
def test_a_wrong_file_names_every_wrong_field(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, text)
    assert "\n" not in caught.value.message
    assert [word for word in words if word not in caught.value.message] == []
    assert caught.value.next_step.startswith("correct ")


def test_outside_the_us_races_are_the_sites_own(tmp_path: Path) -> None:
    table = TABLE + "x = {field = 'subject.race', codes = {a = 'Green'}}\nz = {field = 'subject.sex', codes = 'sex.en'}"
    assert written(tmp_path, "country = 'GB'" + table).tables


def test_an_encoding_is_kept_under_its_own_name(tmp_path: Path) -> None:
    site = written(tmp_path, "[[tables]]\npattern = 'x'\nencoding = 'Shift-JIS'\ncolumns = {a = 'patient_id'}")
    assert site.tables[0].encoding == "shift_jis"


def test_the_digest_changes_with_every_word(tmp_path: Path) -> None:
    plain, other = written(tmp_path, TABLE), written(tmp_path, TABLE + "x = 'subject.sex'")
    assert plain.digest != other.digest
    assert plain.digest == written(tmp_path, TABLE + "# a note").digest


def test_a_site_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Site(code="s09").country = "GB"  # type: ignore[misc] -- that it fails is the test


def test_every_attribute_is_a_field_and_every_detail_an_attribute() -> None:
    for kind, attributes in KINDS.items():
        for name in attributes:
            assert field_of(f"{kind}.{name}") == attributes[name]
    assert all(attribute in KINDS[kind] for kind, attribute in DETAIL.items())
    assert "subject" not in EVENT_KINDS
    assert field_of("event.start") is not None


def test_demo_site_files_parse_as_plain_toml() -> None:
    assert tomllib.loads((SITES / "s02.toml").read_text(encoding="utf-8"))["country"] == "GB"


def test_the_language_of_a_site_is_one_whose_months_are_known() -> None:
    assert (Site(code="s09").language, Site(code="s09", language="ja").language) == ("en", "ja")
    with pytest.raises(ValidationError, match="is none of en, es"):
        Site(code="s09", language="tlh")
