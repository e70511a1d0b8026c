"""Drafting a site file: it loads as it stands, says nearly all that a person would, and never a patient's value."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fields import field_of
from config.site import Site, load_site
from config.vocab.headers import event_words, header_words, words_of
from flows.demo_tables import CANARY, DemoPatient, demo_tables
from tasks.harmonize.drafting.codebook import choices_of, is_codebook, read_codebook
from tasks.harmonize.drafting.draft import SiteDraft, draft_site
from tasks.harmonize.drafting.headers import header_matches, languages_of, unit_of
from tasks.harmonize.drafting.proposals import LEAST, Proposal
from tasks.harmonize.drafting.site_file import decisions_of, draft_rows, site_file
from tasks.harmonize.drafting.tables import proposed_encoding

SITES = Path(__file__).parents[2] / "config/sites"
SURE = 0.8  # no proposal above it may be wrong
Files = Mapping[str, str | bytes]


def patients(count: int = 24) -> list[DemoPatient]:
    first = date(2020, 3, 9)
    return [
        DemoPatient(
            f"{CANARY}-{1000 + number}", "FM"[number % 2], (first + timedelta(days=11 * number),), 30 + 2 * number
        )
        for number in range(count)
    ]


def drafted(files: Files, code: str = "s09", **options: Any) -> SiteDraft:
    return draft_site(code, [(n, c if isinstance(c, bytes) else c.encode()) for n, c in files.items()], **options)


def site_of(draft: SiteDraft) -> Site:
    return Site(**({"code": draft.code} | tomllib.loads(site_file(draft, "b1"))))


def declared(draft: SiteDraft) -> dict[str, str]:
    """Give field by header of all tables, with the slot where it is not the first."""
    return {
        header: column.field + (f"#{column.slot}" if column.slot > 1 else "")
        for table in site_of(draft).tables
        for header, column in table.columns.items()
    }


def proposal(draft: SiteDraft, header: str) -> Proposal:
    (found,) = [one for one in all_of(draft) if one.header == header]
    return found


def all_of(draft: SiteDraft) -> list[Proposal]:
    return [one for _, table in draft.tables for one in (*table.used, *table.rest)]


def questions(draft: SiteDraft, word: str) -> list[str]:
    return [text for text in decisions_of(draft) if word in text]


def csv_of(header: str, *rows: str, times: int = 4, delimiter: str = ",") -> str:
    """Give a table whose rows repeat, with an id before each."""
    lines = [f"ZZCANARY-{n}{delimiter}{rows[n % len(rows)]}" for n in range(times * len(rows))]
    return "\n".join([header, *lines]) + "\n"


# --- the hand-written files are what a draft must come to


@pytest.mark.parametrize(("code", "least"), [("s01", 0.96), ("s02", 0.9)])
def test_the_draft_of_a_demo_site_says_what_a_person_wrote(code: str, least: float) -> None:
    """s01: every mapping. s02: every mapping; what its codes 0 and 1 mean, no table can tell."""
    draft, written = drafted(demo_tables(code, patients()), code), load_site(SITES, code)
    made = site_of(draft)
    expected, found = facts_of(written), facts_of(made)
    share = len(expected & found) / len(expected)
    assert share >= least, sorted(expected - found)
    sure = {(one.header, one.field, one.slot) for one in all_of(draft) if one.confidence > SURE}
    assert sure <= {(h, column.field, column.slot) for table in written.tables for h, column in table.columns.items()}
    assert [one.field for one in all_of(draft) if one.header in {"Patient Name", "HOSPITAL"}] == [""]


def facts_of(site: Site) -> set[tuple[object, ...]]:
    """Give all that a site file says of its tables and columns, apart from code sets that no data can tell."""
    facts: set[tuple[object, ...]] = set()
    for table in site.tables:
        name = table.pattern
        facts.add((name, "shape", table.shape))
        facts |= {(name, "constant", field) for field in table.constant if field != "test.class"}
        for header, column in table.columns.items():
            facts |= {(name, header, "field", column.field), (name, header, "slot", column.slot)}
            facts |= {(name, header, "date", column.date)} if column.date != "vote" else set()
            if isinstance(column.codes, str) and column.codes not in site.codes:
                facts.add((name, header, "codes", column.codes))
            facts |= {(name, header, "missing", word) for word in column.missing}
    return facts


@pytest.mark.parametrize(
    ("code", "decided"),
    [("s01", {}), ("s02", {'"test.name" = "COVID-19"': '"test.name" = "COVID-19", "test.class" = "naat"'})],
)
def test_a_batch_runs_with_its_draft(
    code: str, decided: dict[str, str], curate: Any, images: Any, tmp_path: Path
) -> None:
    """Nothing is decided but the class of the British swabs, which the draft asks for."""
    tables, text = demo_tables(code, patients()), site_file(drafted(demo_tables(code, patients()), code), "b1")
    for drafted_as, decision in decided.items():
        text = text.replace(drafted_as, decision)
    (tmp_path / f"{code}.toml").write_text(text, encoding="utf-8")
    site, rows = load_site(tmp_path, code), images(code)
    for one in patients():
        rows.add(one.patient_id, one.study_dates[0], patient_sex=one.sex)
    ours, theirs = curate(site, tables, rows.rows), curate(load_site(SITES, code), tables, rows.rows)
    for name in ("clinical_event", "test_result", "condition"):
        assert days_of(ours, name) == days_of(theirs, name)


def days_of(batch: Any, name: str) -> list[str]:
    rows = [{key: row[key] for key in row if "day" in key or key == "subject_id"} for row in batch.table(name)]
    return sorted(map(str, rows))


def test_no_value_of_a_patient_stands_in_a_draft() -> None:
    for code in ("s01", "s02"):
        text = site_file(drafted(demo_tables(code, patients()), code), "b1")
        for value in (CANARY, "60637", "2020", "Höchst", "Ward move"):
            assert value not in text
        assert json.dumps([decisions_of(drafted(demo_tables(code, patients()), code))]).count(CANARY) == 0


# --- sites of other languages, encodings, shapes

SPANISH = csv_of(
    "NHC;Nombre;Sexo;Edad;Fecha de ingreso;Fecha de alta;Motivo de alta;Fecha ingreso UCI;Fecha alta UCI;"
    "Soporte respiratorio;Fecha PCR;Resultado PCR;CIE-10;Intubado",
    "ZZ Á;H;61;13/03/2020;20/03/2020;Exitus;14/03/2020;19/03/2020;CPAP;12/03/2020;Positivo;U07.1;Si",
    "ZZ B;M;45;01/04/2020;05/04/2020;Home;;;NC;02/04/2020;Negativo;J18.9;No",
    delimiter=";",
)
ITALIAN = csv_of(
    "Codice paziente,Sesso,Età,Data ricovero,Data dimissione,Data tampone,Esito tampone,Terapia intensiva,Data decesso",
    "F,71,13.03.2020,20.03.2020,12.03.2020,Positivo,Si,21.03.2020",
    "M,45,01.04.2020,05.04.2020,02.04.2020,Negativo,No,",
)
JAPANESE = csv_of(
    "患者ID,氏名,性別,年齢,入院日,退院日,検査結果,検査日,転帰",
    "山田,男,61,2020/03/13,2020/03/20,陽性,2020/03/12,Home",
    "田中,女,45,2020/04/01,2020/04/05,陰性,2020/04/02,Died",
)
PORTUGUESE = csv_of(
    "Prontuário|Sexo|Idade|Raça/Cor|Data de internação|Data da alta|Data do óbito|Resultado do teste|Data da coleta",
    "Masculino|61|Parda|13/03/2020|20/03/2020||Positivo|12/03/2020",
    "Feminino|45|Branca|01/04/2020|05/04/2020|06/04/2020|Negativo|02/04/2020",
    delimiter="|",
)
GERMAN = csv_of(
    "Patienten-ID\tGeschlecht\tAlter\tAufnahmedatum\tEntlassungsdatum\tTestdatum\tTestergebnis\tDiagnose",
    "w\t61\t13.03.2020\t20.03.2020\t12.03.2020\tPositiv\tU07.1",
    "männlich\t45\t01.04.2020\t05.04.2020\t02.04.2020\tNegativ\tJ18.9",
    delimiter="\t",
)
CHINESE = csv_of(
    "病历号,姓名,性别,年龄,入院日期,出院日期,核酸检测结果,采样日期",
    "张三,男,61,2020-03-13,2020-03-20,阳性,2020-03-12",
    "李四,女,45,2020-04-01,2020-04-05,阴性,2020-04-02",
)
FRENCH_LONG = csv_of(
    "Identifiant patient;Type d'événement;Date de début;Date de fin;Valeur",
    "Hospitalisation;13/03/2020;20/03/2020;Home",
    "Réanimation;14/03/2020;19/03/2020;",
    "Test;12/03/2020;;Positif",
    "Ventilation;14/03/2020;16/03/2020;CPAP",
    delimiter=";",
)
LANGUAGES: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
    "spanish": (
        SPANISH, "cp1252", "es", "ES",
        {"NHC": "patient_id", "Sexo": "subject.sex", "Edad": "subject.age_at_index",
         "Fecha de ingreso": "hospital_stay.start", "Fecha de alta": "hospital_stay.end",
         "Motivo de alta": "hospital_stay.discharge", "Fecha ingreso UCI": "icu_stay.start",
         "Fecha alta UCI": "icu_stay.end", "Soporte respiratorio": "breathing_support.device",
         "Fecha PCR": "test.start", "Resultado PCR": "test.result", "CIE-10": "condition.code",
         "Intubado": "subject.ever_ventilated"},
    ),
    "italian": (
        ITALIAN, "cp1252", "it", "IT",
        {"Codice paziente": "patient_id", "Sesso": "subject.sex", "Età": "subject.age_at_index",
         "Data ricovero": "hospital_stay.start", "Data dimissione": "hospital_stay.end", "Data tampone": "test.start",
         "Esito tampone": "test.result", "Terapia intensiva": "subject.ever_icu", "Data decesso": "death.start"},
    ),
    "japanese": (
        JAPANESE, "shift_jis", "ja", "JP",
        {"患者ID": "patient_id", "性別": "subject.sex", "年齢": "subject.age_at_index", "入院日": "hospital_stay.start",
         "退院日": "hospital_stay.end", "検査結果": "test.result", "検査日": "test.start",
         "転帰": "hospital_stay.discharge"},
    ),
    "portuguese": (
        PORTUGUESE, "utf-8-sig", "pt", "BR",
        {"Prontuário": "patient_id", "Sexo": "subject.sex", "Idade": "subject.age_at_index", "Raça/Cor": "subject.race",
         "Data de internação": "hospital_stay.start", "Data da alta": "hospital_stay.end",
         "Data do óbito": "death.start",
         "Resultado do teste": "test.result", "Data da coleta": "test.start"},
    ),
    "german": (
        GERMAN, "utf-16", "de", "DE",
        {"Patienten-ID": "patient_id", "Geschlecht": "subject.sex", "Alter": "subject.age_at_index",
         "Aufnahmedatum": "hospital_stay.start", "Entlassungsdatum": "hospital_stay.end", "Testdatum": "test.start",
         "Testergebnis": "test.result", "Diagnose": "condition.code"},
    ),
    "chinese": (
        CHINESE, "gb18030", "zh", "CN",
        {"病历号": "patient_id", "性别": "subject.sex", "年龄": "subject.age_at_index",
         "入院日期": "hospital_stay.start",
         "出院日期": "hospital_stay.end", "核酸检测结果": "test.result", "采样日期": "test.start"},
    ),
    "french": (
        FRENCH_LONG, "cp1252", "fr", "FR",
        {"Identifiant patient": "patient_id", "Type d'événement": "event.kind", "Date de début": "event.start",
         "Date de fin": "event.end", "Valeur": "event.detail"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_tables_of_many_languages_and_encodings_are_drafted(name: str) -> None:
    text, encoding, language, country, expected = LANGUAGES[name]
    draft = drafted({"datos.csv": text.encode(encoding)})
    assert (draft.language, draft.country.code) == (language, country)
    assert declared(draft) == expected
    (table,) = site_of(draft).tables
    is_marked = encoding.startswith("utf")
    assert table.encoding in ({None} if is_marked else {encoding, "cp932", "cp1252", "gb18030"})
    assert bool(questions(draft, "encoding is proposed")) is not is_marked


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_what_was_drafted_reads_its_own_batch(name: str, curate: Any) -> None:
    text, encoding, *_ = LANGUAGES[name]
    files = {"datos.csv": text.encode(encoding)}
    batch = curate(site_of(drafted(files, "s01")), files)
    assert batch.report.counts["subject"] == len(text.splitlines()) - 1
    assert {rule for rule, _ in batch.findings} <= {"H-HEADER-UNDECLARED", "I-ORPHAN-TABLE", "S-UNMAPPED"}


def test_a_letter_is_read_by_the_whole_column() -> None:
    """M is a woman where the other letter is H."""
    assert proposal(drafted({"a.csv": SPANISH}), "Sexo").options == {"codes": "sex.es"}
    lone = drafted({"a.csv": csv_of("id,sexo", "M")})
    assert "codes" not in proposal(lone, "sexo").options
    assert questions(lone, "mean different things")


# --- dates


def dates(*texts: str) -> SiteDraft:
    return drafted({"a.csv": csv_of("MRN,Admit date,Discharge date", *texts)})


def test_an_order_that_nothing_proves_is_that_of_the_other_dates_and_asked_about() -> None:
    draft = dates("03/04/2020,13/04/2020", "05/04/2020,06/04/2020")
    open_date = proposal(draft, "Admit date")
    assert open_date.options == {"date": "dmy"}
    assert open_date.confidence <= SURE
    assert questions(draft, "confirm it")


def test_an_order_that_nothing_at_all_proves_is_left_to_a_person() -> None:
    draft = dates("03/04/2020,05/04/2020")
    assert proposal(draft, "Admit date").options == {}
    assert len(questions(draft, "no date proves")) == 2


def test_a_column_with_both_orders_and_short_years_are_asked_about() -> None:
    draft = dates("13/04/2020,13/04/2020", "04/13/2020,14/04/2020")
    assert proposal(draft, "Admit date").options == {}
    assert questions(draft, "both orders")
    assert questions(dates("13/04/20,2020-04-13"), "two digits")
    assert proposal(dates("13/04/20,2020-04-13"), "Discharge date").options == {"date": "iso"}


# --- what is one, what is several, what is neither


def test_stays_and_tests_of_a_wide_row_are_told_apart() -> None:
    header = (
        "id,Admission Date 1,Discharge Date 1,Admission Date 2,Discharge Date 2,First test result,Second test result"
    )
    row = "2020-03-01,2020-03-02,2020-04-01,2020-04-02,Positive,Negative"
    assert declared(drafted({"a.csv": csv_of(header, row)})) == {
        "id": "patient_id",
        "Admission Date 1": "hospital_stay.start",
        "Discharge Date 1": "hospital_stay.end",
        "Admission Date 2": "hospital_stay.start#2",
        "Discharge Date 2": "hospital_stay.end#2",
        "First test result": "test.result",
        "Second test result": "test.result#2",
    }


def test_two_columns_are_never_one_field() -> None:
    draft = drafted({"a.csv": csv_of("MRN,Sex,Gender,Study ID", "F,F,9", "M,M,8")})
    assert declared(draft) == {"MRN": "patient_id", "Sex": "subject.sex"}
    assert questions(draft, "which of the two")
    assert "a second id" in proposal(draft, "Study ID").evidence


def test_a_file_of_one_kind_of_event_lends_its_name_to_start_and_end() -> None:
    draft = drafted({"icu_stays_2020.csv": csv_of("mrn,start,end,ward", "2020-03-01,2020-03-02,ZZCANARY")})
    assert declared(draft) == {"mrn": "patient_id", "start": "icu_stay.start", "end": "icu_stay.end"}
    assert all(one.confidence <= SURE for one in all_of(draft) if one.field.startswith("icu_stay"))
    assert site_of(draft).tables[0].pattern == "icu_stays*.csv"
    nameless = drafted({"x.csv": csv_of("mrn,start,end", "2020-03-01,2020-03-02")})
    assert declared(nameless) == {"mrn": "patient_id"}


def test_cells_alone_speak_where_the_header_does_not() -> None:
    draft = drafted({"a.csv": csv_of("mrn,x1,x2,x3,x4", "Female,U07.1,Ventilator,94500-6", "Male,J18.9,HFNC,94558-4",
                                     "Female,U07.1,CPAP,94500-6")})  # fmt: skip
    assert declared(draft) == {
        "mrn": "patient_id", "x1": "subject.sex", "x2": "condition.code", "x3": "breathing_support.device",
        "x4": "test.loinc",
    }  # fmt: skip
    assert all(one.confidence <= SURE for one in all_of(draft) if one.header.startswith("x"))


def test_a_header_that_its_cells_contradict_is_not_proposed() -> None:
    draft = drafted({"a.csv": csv_of("mrn,Sex,Admit date,Zip", "yesterday,often,ZZCANARY", "tomorrow,never,ZZ")})
    assert declared(draft).keys() <= {"mrn", "Sex"}
    assert proposal(draft, "Admit date").field == ""


def test_a_vague_header_is_shown_and_not_used() -> None:
    draft = drafted({"a.csv": csv_of("mrn,mother age", "31", "40")})
    assert declared(draft) == {"mrn": "patient_id"}
    one = proposal(draft, "mother age")
    assert 0 < one.confidence < LEAST
    assert "perhaps subject.age_at_index" in site_file(draft, "b1")


def test_empty_columns_are_read_by_their_header_and_less_sure() -> None:
    one = proposal(drafted({"a.csv": csv_of("mrn,sex,death date,shoe", "F,,")}), "death date")
    assert (one.field, one.confidence <= SURE) == ("death.start", True)
    assert "the column is empty" in proposal(drafted({"a.csv": csv_of("mrn,shoe", "")}), "shoe").questions


def test_a_table_that_names_no_patient_is_commented_out() -> None:
    draft = drafted({"a.csv": "colour,size\nred,1\nblue,2\n"})
    assert site_of(draft).tables == ()
    assert questions(draft, "which one does")


def test_sentinels_and_decimals_of_ages_are_asked_about() -> None:
    draft = drafted({"a.csv": csv_of("mrn,age", "61.5", "999", "45")})
    assert proposal(draft, "age").options == {"missing": ["999"]}
    assert questions(draft, "ages_completed_years")


# --- codes


def test_codes_that_no_vocabulary_knows_are_listed_for_a_person_where_they_are_frequent() -> None:
    draft = drafted({"a.csv": csv_of("mrn,sex,ever icu", "0,x", "1,y", times=5) + "ZZCANARY-99,ZZRARE,x\n"})
    assert proposal(draft, "sex").field == "subject.sex"
    (asked,) = questions(draft, '"sex"')
    assert '"0" (5), "1" (5)' in asked
    assert "ZZRARE" not in site_file(draft, "b1")


def test_categories_outside_the_us_are_the_sites_own_scheme() -> None:
    draft = drafted({"a.csv": PORTUGUESE})
    site = site_of(draft)
    assert site.tables[0].columns["Raça/Cor"].codes == {"Parda": "Parda", "Branca": "Branca"}
    assert site.facts.race_scheme == "of the site"
    rare = drafted({"a.csv": PORTUGUESE + "ZZCANARY-99|Masculino|61|ZZRARE|13/03/2020||||\n"})
    assert questions(rare, "1 rare texts")
    several = "".join(f"ZZ{n},ZZCODE{n}\n" for n in range(40))
    many = drafted({"a.csv": "mrn,race\n" + several * 4})
    assert "ZZCODE" not in site_file(many, "b1"), "more than 30 texts are no codes"


REDCAP = (
    '"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",'
    '"Choices, Calculations, OR Slider Labels","Field Note",'
    '"Text Validation Type OR Show Slider Number","Identifier?"\n'
    "sid,demo,,text,Study ID,,,,\n"
    'q1,demo,,radio,Sex at birth,"0, Female | 1, Male | 9, Unknown",,,\n'
    'q2,demo,,radio,Race,"1, White | 2, Asian | 3, Martian",,,\n'
    "q3,visit,,text,Date of admission,,,date_dmy,\n"
    "q4,visit,,text,Nickname,,,,y\n"
)
CODED = csv_of("sid,q1,q2,q3,q4", "0,1,03/04/2020,ZZCANARY", "1,2,05/04/2020,ZZCANARY", "9,3,06/04/2020,ZZCANARY")


@pytest.mark.parametrize("place", ["in the batch", "elsewhere"])
def test_a_code_book_tells_what_columns_and_codes_are(place: str) -> None:
    book = {"dictionary.csv": REDCAP}
    draft = (
        drafted({"data.csv": CODED} | book)
        if place == "in the batch"
        else drafted({"data.csv": CODED}, codebook={"dictionary.csv": REDCAP.encode()})
    )
    assert declared(draft) == {
        "sid": "patient_id", "q1": "subject.sex", "q2": "subject.race", "q3": "hospital_stay.start",
    }  # fmt: skip
    site = site_of(draft)
    assert site.tables[0].columns["q1"].codes == {"0": "Female", "1": "Male", "9": "Not Reported"}
    assert site.tables[0].columns["q3"].date == "dmy"
    assert site.not_read == (("dictionary.csv",) if place == "in the batch" else ())
    assert questions(draft, "1 labels of the code book")
    assert "marks it as an identifier" in proposal(draft, "q4").evidence


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("0, Female | 1, Male", {"0": "Female", "1": "Male"}),
        ("0=Female; 1=Male", {"0": "Female", "1": "Male"}),
        ("0: Female\n1: Male, or man", {"0": "Female", "1": "Male, or man"}),
        ("", {}),
        ("free text", {}),
        ("[a]+[b] | x", {}),
    ],
)
def test_choices_are_read_in_the_common_forms(text: str, choices: dict[str, str]) -> None:
    assert choices_of(text) == choices


def test_a_code_book_may_have_one_row_per_code() -> None:
    header = ["Variable", "Label", "Value", "Value label", "Format"]
    rows = [
        ["SEX", "Sex", "1", "Male", ""],
        ["sex", "", "2", "Female", ""],
        ["", "x", "", "", ""],
        ["d", "Day", "", "", "DD-MM-YYYY"],
    ]
    assert is_codebook(header)
    book = read_codebook(header, rows)
    assert (book["sex"].label, book["sex"].choices) == ("Sex", {"1": "Male", "2": "Female"})
    assert book["d"].date_order == "dmy"
    assert not is_codebook(["id", "sex", "age"])
    assert not is_codebook(["name"])


# --- files


def test_files_of_one_kind_are_one_table_and_patterns_do_not_overlap() -> None:
    one = csv_of("mrn,sex", "F", "M")
    draft = drafted(
        {
            "x/pat_1.csv": one,
            "pat_2.csv": one + "ZZCANARY-9,F\n",
            "pat_3.csv": one,
            "pat_tests.csv": csv_of("mrn,result", "Positive"),
        }
    )
    assert [table.pattern for table in site_of(draft).tables] == ["pat_2.csv", "pat_tests*.csv"]
    lone = drafted({"patients_2020-04.csv": one})
    assert site_of(lone).tables[0].pattern == "patients*.csv"
    assert site_of(drafted({"a[1].csv": one})).tables[0].pattern == "a[[]1].csv"


def test_every_sheet_of_a_workbook_is_a_table_and_a_file_that_cannot_be_read_is_named(workbook: Any) -> None:
    people: list[list[object]] = [["MRN", "Sex"], *([n, "F"] for n in range(4))]
    stays: list[list[object]] = [["MRN", "Admit date"], *([n, date(2020, 3, 4)] for n in range(4))]
    draft = drafted(
        {"b.xlsx": workbook(people, stays), "c.xlsx": b"PK\x03\x04", "d.csv": "", "e.csv": "2020-01-01,7\n1,2\n"}
    )
    assert [(table.pattern, table.sheet) for table in site_of(draft).tables] == [("b.xlsx", "S1"), ("b.xlsx", "S2")]
    assert draft.not_read == (("c.xlsx", "H-UNREADABLE"), ("d.csv", "H-NO-ROWS"), ("e.csv", "H-HEADER-MISSING"))
    assert "2020-01-01" not in site_file(draft, "b1"), "a first row of data is no header"
    assert site_of(drafted({"b.xlsx": workbook(people, [])})).tables[0].sheet == "S1"


def test_a_file_of_damaged_rows_is_drafted_from_the_others() -> None:
    assert declared(drafted({"a.csv": csv_of("mrn,sex", "F") + 'ZZCANARY-9,"F\nZZCANARY-8\n'})) == {
        "mrn": "patient_id",
        "sex": "subject.sex",
    }


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("患者ID,性別\n1,カナ\n", "cp932"), ("患者编号,性别\n1,女\n", "gb18030"), ("환자번호,성별\n1,여\n", "euc_kr"),
     ("Señor;Año\nJosé;Ñ\n", "cp1252")],
)  # fmt: skip
def test_an_encoding_is_proposed_by_its_words_and_letters(text: str, encoding: str) -> None:
    assert proposed_encoding(text.encode(encoding)) == encoding


def test_bytes_of_no_encoding_are_proposed_as_the_one_that_reads_everything() -> None:
    assert proposed_encoding(b"a,\x81\xff\x81\n") == "latin-1"


# --- measurements and drugs


def test_columns_of_a_wide_table_that_are_measurements() -> None:
    header = "mrn,Height (cm),Body weight kg,CRP,peso,SpO2 %,measurement date"
    draft = drafted({"people.csv": csv_of(header, "171,80,4.2,80,97,2020-04-01")})
    assert proposal(draft, "Height (cm)").options == {"name": "height", "unit": "cm"}
    assert proposal(draft, "Body weight kg").options == {"name": "weight", "unit": "kg"}
    open_unit = proposal(draft, "CRP")
    assert open_unit.options == {"name": "crp"}
    assert open_unit.questions == ("in which unit is it: set unit (100% of its values are plausible in mg/L)",)
    assert not proposal(draft, "peso").is_used, "the weight is another column already"
    columns = site_of(draft).tables[0].columns
    assert columns["Height (cm)"].place == ("measurement.value", 1, "height")
    assert columns["measurement date"].field == "measurement.start"


def test_a_table_of_laboratory_results_is_measurements_and_one_of_tests_is_not() -> None:
    labs = "mrn,test name,result,units,collection date\n" + "".join(
        f"{CANARY}-{n},{name},{value},{unit},2020-04-{n + 10}\n"
        for n in range(8)
        for name, value, unit in (("Creatinine", 1.1, "mg/dL"), ("CRP", 12, "mg/L"), ("Ferritin", 300, "ng/mL"))
    )
    pcr = "mrn,test name,result,collection date\n" + "".join(
        f"{CANARY}-{n},SARS-CoV-2 PCR,{('Positive', 'Negative')[n % 2]},2020-04-{n + 10}\n" for n in range(8)
    )
    assert declared(drafted({"labs.csv": labs})) == {
        "mrn": "patient_id",
        "test name": "measurement.name",
        "result": "measurement.value",
        "units": "measurement.unit",
        "collection date": "measurement.start",
    }
    found = declared(drafted({"labs.csv": pcr}))
    assert found["result"] == "test.result"
    assert found["collection date"] == "test.start"
    assert not [field for field in found.values() if field.startswith("measurement.")]


def test_a_table_of_drugs_keeps_frequent_names_as_they_stand() -> None:
    drugs = "mrn,drug,atc code,dose,route,start date\n" + "".join(
        f"{CANARY}-{n},Dexamethasone,H02AB02,6,oral,2020-04-{n + 10}\n" for n in range(8)
    )
    draft = drafted({"medications.csv": drugs})
    assert proposal(draft, "drug").options == {"codes": {"Dexamethasone": "Dexamethasone"}}
    assert declared(draft)["atc code"] == "medication.code"
    assert declared(draft)["start date"] == "medication.start"


# --- words


def test_every_word_of_the_dictionary_is_of_a_known_field_and_finds_it() -> None:
    for known in header_words():
        assert known.field == "not_read" or field_of(known.field) is not None, known
        matches = header_matches(" ".join(known.words))
        assert known.field in {match.field for match in matches if match.score == 1}, known
    kinds = {kind for kind, _ in event_words().values()}
    assert all(field_of(f"{kind}.start") for kind in kinds)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("PatientID", ("patient", "id")),
        ("SARS-CoV-2 Test_Result", ("covid", "test", "result")),
        ("Covid19 status", ("covid", "status")),
        ("Fecha de nacimiento", ("fecha", "de", "nacimiento")),
        ("Età", ("eta",)),
        ("検査日", ("検査日",)),
        ("date2", ("date", "2")),
    ],
)
def test_headers_are_compared_as_words(header: str, words: tuple[str, ...]) -> None:
    assert words_of(header) == words


def test_a_unit_in_brackets_is_no_part_of_the_name() -> None:
    assert header_matches("Age (years)")[0].field == "subject.age_at_index"
    assert header_matches("Age (years)")[0].score == 1
    assert unit_of("Temp [°C]") == "°C"
    assert unit_of("Temp") is None
    assert header_matches("(mrn)")[0].field == "patient_id"


def test_units_of_headers_are_kept_and_asked_about() -> None:
    draft = drafted({"a.csv": csv_of("mrn,age (months),viral load [{copies}/mL],wall (°C),shoe", "26,1000,37.5,44")})
    assert proposal(draft, "age (months)").options == {"unit": "months"}
    assert proposal(draft, "viral load [{copies}/mL]").options == {"unit": "{copies}/mL"}
    assert site_of(draft).tables[0].columns["age (months)"].unit == "months"
    assert proposal(draft, "wall (°C)").questions == ("numbers of what, in °C",)
    assert proposal(draft, "shoe").questions == ("numbers of what",)


def test_languages_are_counted_by_whole_headers() -> None:
    assert languages_of(["性別", "sexo", "zzz"])["ja"] == 1


@given(
    st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_table_gives_a_site_file_that_loads(cells: list[list[str]], delimiter: str) -> None:
    """Whatever the headers and cells, control characters and quotes among them."""
    text = "\n".join(
        delimiter.join(row) for row in [["mrn", *cells[0]], *([f"k{n}", *row] for n, row in enumerate(cells))]
    )
    draft = drafted({"any.csv": text.encode("utf-8", "replace")})
    assert site_of(draft).code == "s09"
    assert all(isinstance(row["evidence"], str) for row in draft_rows(draft))


def test_rows_to_show_say_which_columns_are_read() -> None:
    draft = drafted({"a.csv": csv_of("mrn,sex,name", "F,ZZCANARY")})
    assert [(row["column"], row["field"], bool(row["sure"])) for row in draft_rows(draft)] == [
        ("mrn", "patient_id", True),
        ("sex", "subject.sex", True),
        ("name", "", False),
    ]


def test_a_column_of_index_dates_is_the_index_event() -> None:
    site = site_of(drafted({"a.csv": csv_of("mrn,enrollment date", "2020-03-13")}))
    assert (site.index.event, site.index.found_by) == ("Study Enrollment", "column")


def test_a_code_book_of_a_sites_own_scheme_gives_its_labels() -> None:
    book = 'variable,label,values\nraca,Raça,"1=Parda; 2=Branca"\n'
    header = "Prontuário,Sexo,Idade,raca"
    draft = drafted({"a.csv": csv_of(header, "Masculino,61,1", "Feminino,45,2"), "b.csv": book})
    assert proposal(draft, "raca").options == {"codes": {"1": "Parda", "2": "Branca"}}


def test_a_code_book_that_cannot_be_read_says_nothing() -> None:
    draft = drafted({"data.csv": CODED}, codebook={"book.xlsx": b"PK\x03\x04"})
    assert declared(draft) == {}
    assert questions(draft, "which one does")


def test_tests_of_an_unknown_kind_are_asked_about() -> None:
    named = drafted({"a.csv": csv_of("mrn,result,test name,test type", "Positive,COVID-19,RT-PCR")})
    assert site_of(named).tables[0].constant == {}
    draft = drafted({"a.csv": csv_of("mrn,result,test type", "Positive,RT-PCR", "Negative,Rapid antigen")})
    assert site_of(draft).tables[0].constant == {"test.name": "COVID-19"}
    plain = drafted({"a.csv": csv_of("mrn,result", "Positive")})
    assert questions(plain, "nothing in the file says so")
    assert questions(plain, "of which class")


def test_blank_files_and_numbers_are_no_reason_to_fail() -> None:
    assert drafted({"a.csv": "\u3000\n".encode("shift_jis")}).tables == ()
    lab = drafted({"a.csv": csv_of("mrn,ct value,country", "21.5,US", "<30,CA")})
    assert declared(lab) == {"mrn": "patient_id", "ct value": "test.value", "country": "subject.country"}


def test_a_draft_of_nothing_is_a_site_that_sends_images() -> None:
    draft = drafted({})
    assert site_of(draft).tables == ()
