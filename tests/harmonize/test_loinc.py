"""LOINC codes of studies: what words mean, which code they lead to, and when there is none."""

import csv
from pathlib import Path

import pytest

from config.vocab.loinc import imaging_codes, labelled
from tasks.harmonize.loinc.answers import Exam, answer, contradicts, family_of, ruled
from tasks.harmonize.loinc.contrast import Contrast, contrast_of
from tasks.harmonize.loinc.known import key_of, known_codes
from tasks.harmonize.loinc.lexicon import items_of
from tasks.harmonize.loinc.reading import read
from tasks.harmonize.loinc.text import words_of
from tasks.harmonize.loinc.views import Views, views_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def named(modality: str, description: str | None, **facts: object) -> str | None:
    code = answer(Exam(frozenset({modality}), description, **facts)).code  # type: ignore[arg-type]  -- of a table
    return code.name if code else None


def table(name: str) -> list[dict[str, str]]:
    lines = (BENCHMARKS / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize(
    ("modality", "description", "name"),
    [
        ("CT", "CT CHEST W/O CONTRAST", "CT Chest WO contrast"),
        ("CT", "CT CHEST W & W/O CONTRAST", "CT Chest WO and W contrast IV"),
        ("CT", "CT THORAX C-/C+", "CT Chest WO and W contrast IV"),
        ("CT", "CT CHEST WITH ORAL CONTRAST", "CT Chest"),
        ("CT", "CT ABD/PEL WITH IV AND ORAL CONTRAST", "CT Abdomen and Pelvis W contrast IV"),
        ("CT", "CT CHEST WITH OR WITHOUT CONTRAST", "CT Chest"),
        ("CT", "CT CHEST POST CONTRAST", "CT Chest W contrast IV"),
        ("CT", "Thorax^ROUTINE (Adult)", "CT Chest"),
        ("CT", "Thorax^CAP_W (Adult)", "CT Chest and Abdomen and Pelvis W contrast IV"),
        ("CT", "CT LUNG CANCER SCREENING LOW DOSE ANNUAL", "CT Chest for screening WO contrast"),
        ("CT", "CT THORAX LOW DOSE FOLLOW UP", "CT Chest"),
        ("CT", "CTPA", "CTA Pulmonary arteries W contrast IV"),
        ("CT", "CT CHEST CONTRAST IF NEEDED", "CT Chest"),
        ("CT", "CT ABDOMEN (-) CONTRAST", "CT Abdomen WO contrast"),
        ("CT", "CT PE CHEST WWO", "CTA Chest vessels WO and W contrast IV"),
        ("CT", "CTA THORAX", "CTA Chest vessels"),
        ("CT", "CTA CORONARY WITHOUT AND WITH", "CTA Heart and Coronary arteries WO and W contrast IV"),
        ("CT", "CTA ABDOMEN", "CTA Abdominal vessels W contrast IV"),
        ("CT", "CT PERFUSION HEAD", "CT perfusion Head"),
        ("CT", "CT GUIDED BIOPSY CHEST W CONTRAST", "CT Guidance for biopsy of Chest-- W contrast IV"),
        ("CT", "CT ABLATION LIVER", None),
        ("CT", "CT BIOPSY AND DRAINAGE CHEST", None),
        ("CT", "CT HEAD WO CHEST W", "-"),
        ("CT", "CT ARTHROGRAM KNEE", None),
        ("CT", "CTA CHEST AND CT ABDOMEN PELVIS W", None),
        ("CT", "CT ABDOMEN W CHEST WO", "CT Chest and Abdomen"),
        ("NM", "MYOCARDIAL PERFUSION", "NM Heart Perfusion"),
        ("CT", "MRI CHEST", None),
        ("CT", "STUDY", None),
        (
            "CT",
            "PET/CT FDG SKULL BASE TO MID THIGH",
            "PET+CT Guidance for localization of tumor of Whole body-- W 18F-FDG IV",
        ),
        ("CT", "PET/CT", None),
        ("CT", "CT CHEST LIMITED WO", "CT Chest limited WO contrast"),
        ("CT", "CT RIGHT KNEE WO", "CT Knee - right WO contrast"),
        ("CT", "CT CHSET WITHOT CONTARST", "CT Chest WO contrast"),
        ("CT", "TC TORACE SENZA E CON MDC", "CT Chest WO and W contrast IV"),
        ("CT", "TAC TÓRAX SIN CONTRASTE", "CT Chest WO contrast"),
        ("CT", "TC COLUNA CERVICAL C/ OU S/ CONTRASTE", "CT Cervical spine"),
        ("CT", "TDM TAP AVEC INJECTION", "CT Chest and Abdomen and Pelvis W contrast IV"),
        ("CT", "CT Schädel o. KM", "CT Head WO contrast"),
        ("CT", "胸部CT(単純+造影)", "CT Chest WO and W contrast IV"),
        ("MR", "MRI ABDOMEN WO/W", "MR Abdomen WO and W contrast IV"),
        ("MR", "MRI LIVER WITH EOVIST", "MR Liver W contrast IV"),
        ("MR", "MRA NECK W CONTRAST", "MRA Neck vessels W contrast IV"),
        ("DX", "CHEST PA AND LATERAL", "XR Chest PA and Lateral"),
        ("DX", "CHEST 1 VIEW AP OR PA", "XR Chest Single view"),
        ("DX", "CHEST FRONTAL LATERAL", "XR Chest 2 Views"),
        ("CR", "PORTABLE CHEST SINGLE VIEW", "Portable XR Chest AP single view"),
        ("CR", "PORTABLE CHEST LATERAL 1 VIEW", "Portable XR Chest Views"),
        ("CR", "PORTABLE CHEST AP", "Portable XR Chest Views AP"),
        ("CR", "PORTABLE SHOULDER LEFT", "Portable XR Shoulder - left Views"),
        ("CR", "CHEST 1 VIEW AP/LATERAL", "XR Chest Views"),
        ("DX", "XR CHEST DURING SURGERY", None),
        ("DX", "XR KNEE LEFT 4+ VIEWS", "XR Knee - left GE 4 Views"),
        ("DX", "XR KNEES BOTH", "XR Knee - bilateral Views"),
        ("DX", "XR KNEE 1 OR 2 VIEWS LEFT", "XR Knee - left 1 or 2 Views"),
        ("DX", "RIBS LEFT WITH CHEST", "XR Ribs - left and Chest Views"),
        ("DX", "Röntgen Thorax in 2 Ebenen", "XR Chest 2 Views"),
        ("DX", "ABDOMEN SUPINE AND UPRIGHT", "XR Abdomen Supine and Upright"),
        ("US", "US CAROTID DOPPLER", "US.doppler Carotid arteries"),
        ("US", "US ABDOMEN LTD", "US Abdomen limited"),
        ("US", "TEE", "US Heart Transesophageal"),
        ("MG", "SCREENING MAMMO BILATERAL", "MG Breast - bilateral Screening"),
        ("MG", "MAMMOGRAM", "MG Breast Views"),
        ("MG", "MAMMOGRAM SPECIMEN", None),
        ("US", "US ORBIT", "US Head"),
        ("US", "TRANSESOPHAGEAL US CHEST", None),
        ("CR", "RIBS WITH CHEST", "XR Ribs Views"),
        ("MG", "SCREENING AND DIAGNOSTIC MAMMOGRAM", "MG Breast Screening"),
        ("NM", "NM SPINE", None),
        ("CT", "CT GUIDED BIOPSY KNEE", None),
        ("NM", "BONE SCAN WHOLE BODY", "NM Whole body Bone Views"),
        ("NM", "V/Q LUNG SCAN", "NM Lung Ventilation and Perfusion"),
        ("RF", "FLUORO CHEST", None),
    ],
)
def test_words_lead_to_the_code_that_says_no_more(modality: str, description: str, name: str | None) -> None:
    if name == "-":  # two regions with two timings: no single code
        name = named(modality, description)
        assert name is None or "Chest" not in name
        return
    assert named(modality, description) == name


def test_a_code_is_sure_in_the_measure_of_what_was_said() -> None:
    spelt, slipped = (ruled(Exam(frozenset({"CT"}), text)).confidence for text in ("CT CHEST WO", "CT CHSET WO"))
    implied = ruled(Exam(frozenset({"CT"}), "CT PE CHEST")).confidence
    assert spelt == 0.95
    assert slipped is not None
    assert implied is not None
    assert max(slipped, implied) < spelt


def test_a_description_with_too_many_slips_has_no_code() -> None:
    assert ruled(Exam(frozenset({"CT"}), "TORXA ABDOMNE PELVSI CONTARST THORXA")).code is None


def test_a_known_description_has_the_code_of_the_table_or_of_our_decision() -> None:
    known = answer(Exam(frozenset({"CT"}), "CHEST W/O CONTRAST (CT)-CS"))
    decided = answer(Exam(frozenset({"DX"}), "xr chest ap or pa"))
    refused = answer(Exam(frozenset({"CT"}), "TUMOR LOCALWHOLE BODY SINGLE"))
    assert (known.basis, known.confidence, decided.basis) == ("exact_table", 1.0, "exact_table")
    assert known.code is not None
    assert decided.code is not None
    assert (known.code.code, decided.code.code) == ("29252-4", "36554-4")
    assert (refused.code, refused.basis, refused.confidence) == (None, "unmapped", None)


def test_every_known_description_has_one_active_code_that_it_does_not_contradict() -> None:
    for (family, words), code in known_codes().items():
        if code:
            assert imaging_codes()[code].is_active
            assert not contradicts(read(" ".join(words), family), imaging_codes()[code]), words


def test_a_known_code_that_contradicts_its_description_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    key = ("CT", words_of("CT CHEST WO"))
    monkeypatch.setattr("tasks.harmonize.loinc.answers.known_codes", lambda: {key: "24628-0"})
    given = answer(Exam(frozenset({"CT"}), "CT CHEST WO"))
    assert (given.code, given.basis, given.is_contradicted) == (None, "unmapped", True)


def test_a_study_of_several_families_has_no_code() -> None:
    both = Exam(frozenset({"CT", "MR"}), "CT CHEST")
    assert answer(both).code is ruled(both).code is None


def test_a_modality_that_is_not_ours_has_no_key() -> None:
    assert {row.modality for row in labelled() if key_of(row) is None} == {"[blank]"}


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"body_part": "CHEST"}, "CT Chest"),
        ({"body_part": "CHEST", "contrast": "W"}, "CT Chest W contrast IV"),
        ({"body_part": "JAW"}, None),
        ({}, None),
    ],
)
def test_headers_speak_where_there_is_no_description(facts: dict[str, str], name: str | None) -> None:
    assert named("CT", None, **facts) == name


@pytest.mark.parametrize(
    ("views", "name"),
    [
        ({"PA", "lateral"}, "XR Chest PA and Lateral"),
        ({"AP"}, "XR Chest AP"),
        ({"PA"}, "XR Chest Views"),
        (set(), "XR Chest Views"),
    ],
)
def test_views_of_headers_speak_where_there_is_no_description(views: set[str], name: str) -> None:
    assert named("DX", None, body_part="CHEST", views=frozenset(views)) == name


def test_a_body_part_stands_in_for_a_region_that_no_word_names_and_for_no_other() -> None:
    assert named("CT", "ROUTINE W CONTRAST", body_part="CHEST") == "CT Chest W contrast IV"
    assert named("CT", "CT HEAD", body_part="CHEST") == "CT Head"


def test_headers_do_not_add_to_what_a_description_says() -> None:
    assert named("CT", "CT CHEST", body_part="CHEST", contrast="W") == "CT Chest"
    assert named("DX", "CHEST", views=frozenset({"PA", "lateral"})) == "XR Chest Views"


@pytest.mark.parametrize(
    ("codes", "description", "name"),
    [
        ({"LN 24628-0"}, "SPECIAL", "CT Chest W contrast IV"),
        ({"LN 24628-0", "RADLEX RPID16"}, "SPECIAL", "CT Chest W contrast IV"),
        ({"LN 24628-0"}, "SPECIAL WITHOUT CONTRAST", None),
        ({"LN 24628-0", "LN 24627-2"}, "SPECIAL", None),
        ({"LN 36643-5"}, "SPECIAL", None),
        ({"LN 1-8"}, "SPECIAL", None),
    ],
)
def test_a_code_of_the_procedure_counts_unless_something_contradicts_it(
    codes: set[str], description: str, name: str | None
) -> None:
    assert named("CT", description, procedure_codes=frozenset(codes)) == name


@pytest.mark.parametrize(
    ("modalities", "family"),
    [
        ({"CT"}, "CT"), ({"CR", "DX"}, "XR"), ({"CT", "PT"}, "PT"), ({"CT", "SEG", "SR"}, "CT"), ({"CT", "MR"}, None),
        ({"SEG"}, None), ({"XA"}, None), (set(), None),
    ],
)  # fmt: skip
def test_a_study_is_of_one_family_of_modalities(modalities: set[str], family: str | None) -> None:
    assert family_of(modalities) == family


def test_a_code_on_the_other_side_is_a_contradiction() -> None:
    left = imaging_codes()["36311-9"]
    assert contradicts(read("KNEE RIGHT", "XR"), left)
    assert not contradicts(read("KNEE LEFT", "XR"), left)
    assert contradicts(read("CT CHEST WO", "CT"), imaging_codes()["24628-0"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W/O", "without"), ("Tórax_AP", "torax ap"), ("ChestRoutine", "chest routine"), ("胸部CT", "胸 部 ct"),
        ("A+B&C", "a and b and c"), ("2V", "2 v"), ("Thorax^ILD", "thorax ^ ild"),
    ],
)  # fmt: skip
def test_a_description_is_parted_into_words(text: str, words: str) -> None:
    assert " ".join(words_of(text)) == words


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        ("with contrast", Contrast("W")), ("without", Contrast("WO")), ("with 3d", Contrast(is_unclear=True)),
        ("with left", Contrast(is_unclear=True)), ("with zzz", Contrast(is_unclear=True)),
        ("without chest", Contrast("WO")), ("without zzz", Contrast(is_unclear=True)), ("con contraste", Contrast("W")),
        ("con y sin contraste", Contrast("WO & W")), ("sin o con contraste", Contrast(is_unclear=True)),
        ("contrast", Contrast("W")), ("chest", Contrast()), ("maybe with contrast", Contrast(is_unclear=True)),
        ("with contrast without contrast", Contrast("WO & W")),
        ("chest with abdomen without", Contrast(is_unclear=True)),
        ("chest with contrast abdomen without contrast", Contrast(is_unclear=True)),
    ],
)  # fmt: skip
def test_contrast_is_read_from_its_prepositions(text: str, contrast: Contrast) -> None:
    assert contrast_of(items_of(words_of(text), "CT")) == contrast


@pytest.mark.parametrize(
    ("text", "views"),
    [
        ("2 views", Views(2, 2)), ("views 3", Views(3, 3)), ("min 2 views", Views(2, None)), ("3+ vw", Views(3, None)),
        ("2-3 views", Views(2, 3)), ("views", Views()), ("2 views 3 views", Views()),
        ("pa lateral", Views(names=frozenset({"PA", "lateral"}))), ("single view", Views(1, 1)),
    ],
)  # fmt: skip
def test_views_are_counted_and_named(text: str, views: Views) -> None:
    assert views_of(items_of(words_of(text), "XR")) == views


def test_labelled_texts_get_the_right_region_and_contrast() -> None:
    for row in table("loinc_descriptions.csv"):
        modality = {"XR": "DX"}.get(row["modality"], row["modality"])
        code = answer(Exam(frozenset({modality}), row["description"])).code
        if code:
            assert code.contrast == row["contrast"], row["description"]
            assert row["regions"] != "-", row["description"]
            assert all(region in code.system for region in row["regions"].split("+")), row["description"]


def test_every_disagreement_with_the_published_table_is_judged() -> None:
    judged = {(row["modality"], row["study_description"]): row for row in table("loinc_disagreements.csv")}
    for row in labelled():
        key = key_of(row)
        if not key or not key[1]:
            continue
        given = ruled(Exam(frozenset({key[0]}), row.description)).code
        if given is None or given.code != row.code:
            verdict = judged[key[0], row.description]
            assert verdict["right"] in ("rules", "table", "both", "neither")
            assert verdict["reason"]
