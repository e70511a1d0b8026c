"""Imaging tables by consensus and measurement, and the years that give nothing away."""

from datetime import date
from typing import Any

import pytest

from tasks.harmonize.loinc import answers
from tasks.harmonize.loinc.text import words_of

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
TILTED = [1.0, 0.0, 0.0, 0.0, 0.8, 0.6]


def series_at(images: Any, heights: list[float], orientations: list[list[float]] | None = None, **facts: Any) -> Any:
    rows = images()
    for place, height in enumerate(heights):
        rows.add(
            "a",
            date(2020, 4, 1),
            study="s",
            sop_uid=f"1.{place}",
            source_id=f"{place}",
            image_position_mm=[-100.0, -100.0, height],
            image_orientation=(orientations or [AXIAL] * len(heights))[place],
            **facts,
        )
    return rows.rows


@pytest.mark.parametrize(
    ("heights", "spacing", "regular"),
    [
        ([0, 5, 10, 15], 5.0, True),
        ([15, 0, 10, 5], 5.0, True),
        ([0, 5, 10.004, 15], 4.998, True),
        ([0, 5, 15, 20], 5.0, False),  # a slice is missing
        ([0, 5, 5, 10], 5.0, False),  # two slices in one place
        ([0], None, None),
    ],
)
def test_slice_spacing_is_measured(
    curate: Any,
    images: Any,
    heights: list[float],
    spacing: float | None,
    regular: bool | None,  # noqa: FBT001 -- a column
) -> None:
    batch = curate("", {}, series_at(images, [float(height) for height in heights]))
    (row,) = batch.table("imaging_series")
    assert row["slice_spacing_mm"] == (spacing if spacing is None else pytest.approx(spacing, abs=0.003))
    assert row["regular_volume"] is regular


def test_two_orientations_are_no_volume(curate: Any, images: Any) -> None:
    (row,) = curate("", {}, series_at(images, [0.0, 5.0], [AXIAL, TILTED])).table("imaging_series")
    assert (row["slice_spacing_mm"], row["regular_volume"]) == (None, False)


def test_only_ct_is_called_a_volume(curate: Any, images: Any) -> None:
    (row,) = curate("", {}, series_at(images, [0.0, 5.0], modality="MR")).table("imaging_series")
    assert (row["slice_spacing_mm"], row["regular_volume"]) == (5.0, None)


def test_facts_are_what_all_instances_agree_on(curate: Any, images: Any) -> None:
    rows = images()
    common = {"manufacturer_raw": "GE MEDICAL SYSTEMS", "body_part_raw": "thorax", "convolution_kernel": ["B", "2"]}
    rows.add("a", date(2020, 4, 1), study="s", count=2, **common, laterality="Q", lossy=True)
    rows.rows[0] |= {"slice_thickness_mm": 5.0, "pixel_spacing_mm": [0.7, 0.7], "view_position": "PA"}
    rows.rows[1] |= {"slice_thickness_mm": 2.5, "pixel_spacing_mm": None, "view_position": "AP", "lossy": False}
    batch = curate("", {}, rows.rows)
    (row,) = batch.table("imaging_series")
    assert (row["manufacturer"], row["body_part"], row["body_part_raw"]) == ("GE", "CHEST", "thorax")
    assert (row["slice_thickness_mm"], row["pixel_spacing_mm"], row["view_position"]) == (None, [0.7, 0.7], None)
    assert (row["convolution_kernel"], row["laterality"], row["lossy"]) == (["B", "2"], None, True)
    assert (row["n_instances"], row["n_bytes"], row["photometric"]) == (2, 2000, "none")
    assert batch.findings["I-CONFLICT", "imaging_series.slice_thickness_mm"] == 1
    assert batch.findings["I-CONFLICT", "imaging_series.view_position"] == 1


def test_an_unknown_vendor_is_reported(curate: Any, images: Any) -> None:
    batch = curate("", {}, images().add("a", date(2020, 4, 1), manufacturer_raw="ACME").rows)
    assert batch.findings["I-VENDOR", "imaging_series.manufacturer"] == 1


def test_a_series_of_two_modalities_is_held(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), study="s", count=2)
    rows.rows[1]["modality"] = "MR"
    batch = curate("", {}, rows.rows)
    assert batch.holds == {("imaging_series", "I-MODALITY")}
    assert batch.table("imaging_study")[0]["modalities"] == ["CT", "MR"]


def test_the_digest_of_a_series_changes_with_any_byte_and_no_order(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), study="s", count=3).rows
    changed = [dict(row) for row in rows]
    changed[1]["sha256"] = "f" * 64
    first, turned, other = (
        curate("", {}, some).table("imaging_series")[0]["series_sha256"] for some in (rows, rows[::-1], changed)
    )
    assert first == turned != other


def test_ages_over_89_are_one_class(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), patient_age_gt89=True).add("b", date(2020, 4, 1), patient_age_years=89)
    rows.add("c", date(2020, 4, 1))
    for row in rows.rows[1:2]:
        row["patient_age_gt89"] = False
    batch = curate("", {}, rows.rows)
    ages = [
        (batch.of("imaging_study", who)[0]["age_at_study"], batch.of("imaging_study", who)[0]["age_at_study_gt89"])
        for who in "abc"
    ]
    assert ages == [(None, True), (89, False), (None, None)]


def test_studies_that_do_not_agree_on_their_date_have_no_day(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), study="s").add("a", date(2020, 4, 2), study="s", series_uid="1.2")
    batch = curate("", {}, rows.rows)
    (study,) = batch.table("imaging_study")
    assert (study["day"], study["study_year"], study["n_series"]) == (None, None, 2)
    assert batch.findings["I-CONFLICT", "imaging_study.study_date_shifted"] == 1


def test_years_are_withheld_where_they_would_pin_the_index_date(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 1, 3)).add("a", date(2020, 12, 30)).add("b", date(2020, 1, 3))
    rows.add("b", date(2020, 6, 3))
    batch = curate("", {}, rows.rows)
    assert [row["study_year"] for row in batch.of("imaging_study", "a")] == [None, None]
    assert [row["study_year"] for row in batch.of("imaging_study", "b")] == [2020, 2020]
    assert batch.findings["P-YEAR-WITHHELD", "imaging_study.study_year"] == 2


def test_a_study_from_before_the_site_went_live_is_held(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2009, 1, 3)).add("b", date(2020, 1, 3)).add("c", None)
    batch = curate("[facts]\ngo_live = 2010-06-01", {}, rows.rows)
    (held,) = batch.table("holds")
    assert (held["table"], held["rule_id"]) == ("imaging_study", "C-FUTURE")
    assert held["key"] == batch.of("imaging_study", "a")[0]["study_uid"]


def test_the_manifest_keeps_what_was_settled(curate: Any, images: Any) -> None:
    digests = {"crc64nvme": "rosUhgp5mIg=", "pixel_sha256": None}
    batch = curate("", {}, images().add("a", date(2020, 4, 1), rows=512, columns=256, bits_stored=12, **digests).rows)
    (row,) = batch.table("imaging_instance")
    assert (row["rows"], row["columns"], row["size"], row["media_type"]) == (512, 256, 1000, "application/dicom")
    assert (row["crc64nvme"], row["pixel_sha256"], row["deid_pixel"]) == ("rosUhgp5mIg=", None, "not_checked")


def test_a_missing_slice_is_counted_and_reported(curate: Any, images: Any) -> None:
    batch = curate("", {}, series_at(images, [0.0, 5.0, 15.0, 20.0, 40.0]))
    (row,) = batch.table("imaging_series")
    assert (row["n_positions"], row["n_missing_slices"], row["regular_volume"]) == (5, 4, False)
    assert batch.findings["I-GAP", "imaging_series.n_missing_slices"] == 1


def test_gaps_of_a_magnetic_resonance_are_counted_and_not_reported(curate: Any, images: Any) -> None:
    batch = curate("", {}, series_at(images, [0.0, 5.0, 15.0], modality="MR"))
    assert batch.table("imaging_series")[0]["n_missing_slices"] == 1
    assert ("I-GAP", "imaging_series.n_missing_slices") not in batch.findings


def test_echoes_at_one_position_do_not_shorten_the_spacing(curate: Any, images: Any) -> None:
    (row,) = curate("", {}, series_at(images, [0.0, 0.0, 5.0, 5.0, 10.0, 10.0], modality="MR")).table("imaging_series")
    assert (row["slice_spacing_mm"], row["n_positions"], row["n_missing_slices"]) == (5.0, 3, 0)


def test_a_localizer_in_a_series_is_not_measured(curate: Any, images: Any) -> None:
    rows = series_at(images, [0.0, 5.0, 10.0], [TILTED, AXIAL, AXIAL])
    rows[0]["is_localizer"] = True
    (row,) = curate("", {}, rows).table("imaging_series")
    assert (row["slice_spacing_mm"], row["n_positions"], row["regular_volume"]) == (5.0, 2, True)


def test_slices_of_a_tilted_gantry_are_sheared(curate: Any, images: Any) -> None:
    rows = series_at(images, [0.0, 5.0, 10.0])
    for place, row in enumerate(rows):
        row["image_position_mm"] = [-100.0, -100.0 + place, 5.0 * place]
    (row,) = curate("", {}, rows).table("imaging_series")
    assert (row["slice_spacing_mm"], row["regular_volume"]) == (5.0, False)


def test_the_frames_of_one_object_are_slices(curate: Any, images: Any) -> None:
    rows = series_at(images, [0.0])
    rows[0] |= {"frames": 4, "frame_depths_mm": [0.0, 2.0, 6.0, 4.0]}
    (row,) = curate("", {}, rows).table("imaging_series")
    assert (row["slice_spacing_mm"], row["n_positions"], row["regular_volume"]) == (2.0, 4, True)


def test_spellings_of_one_term_are_no_conflict(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), study="s", count=2, modality="DX")
    rows.rows[0] |= {"body_part_raw": "CHEST", "view_position": "LAT", "manufacturer_raw": "SIEMENS"}
    rows.rows[1] |= {"body_part_raw": "THORAX", "view_position": "LATERAL", "manufacturer_raw": "Siemens Healthineers"}
    batch = curate("", {}, rows.rows)
    (row,) = batch.table("imaging_series")
    assert (row["body_part"], row["view_position"], row["manufacturer"]) == ("CHEST", "LATERAL", "Siemens")
    assert row["body_part_raw"] is None
    assert ("I-CONFLICT", "imaging_series.body_part") not in batch.findings


def test_a_cut_off_body_part_has_its_term_and_free_text_has_none(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), body_part_raw="ABDOMEN AND PELVI").add("b", date(2020, 4, 1))
    rows.rows[1] |= {"body_part_raw": "ZZCANARY", "view_position": "ZZCANARY"}
    batch = curate("", {}, rows.rows)
    assert batch.of("imaging_series", "a")[0]["body_part"] == "ABDOMENPELVIS"
    assert batch.of("imaging_series", "b")[0]["body_part"] is None
    assert batch.findings["I-TERM", "imaging_series.body_part"] == 1
    assert batch.findings["I-TERM", "imaging_series.view_position"] == 1


def test_studies_have_the_loinc_code_of_their_description(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), study_description="CT CHEST W CONTRAST")
    rows.add("b", date(2020, 4, 1), study_description="TC TÓRAX SIN CONTRASTE").add("c", date(2020, 4, 1))
    rows.add("d", date(2020, 4, 1), study_description="STUDY")
    batch = curate("", {}, rows.rows)
    found = [batch.of("imaging_study", who)[0] for who in "abc"]
    assert [row["loinc_code"] for row in found] == ["24628-0", "29252-4", None]
    assert [row["loinc_basis"] for row in found] == ["exact_table", "rule", "unmapped"]
    assert [row["loinc_contrast"] for row in found] == ["W", "WO", None]
    assert found[0]["loinc_system"] == found[1]["loinc_system"] == "Chest"
    assert found[1]["loinc_confidence"] == pytest.approx(0.95)
    assert batch.findings["L-LOINC-NONE", "imaging_study.loinc_code"] == 1


def test_headers_of_a_study_speak_where_it_has_no_description(curate: Any, images: Any) -> None:
    rows = images().add("a", date(2020, 4, 1), count=2, body_part_raw="CHEST", contrast_agent="OMNIPAQUE")
    rows.add("b", date(2020, 4, 1), procedure_codes=["LN 24725-4", "RADLEX RPID22"])
    rows.add("c", date(2020, 4, 1), study="c", series_uid="1", modality="DX", body_part_raw="CHEST", view_position="PA")
    rows.add("c", date(2020, 4, 1), study="c", series_uid="2", modality="DX", body_part_raw="CHEST", view_position="LL")
    batch = curate("", {}, rows.rows)
    names = [batch.of("imaging_study", who)[0]["loinc_long_common_name"] for who in "abc"]
    assert names == ["CT Chest W contrast IV", "CT Head", "XR Chest PA and Lateral"]


@pytest.mark.parametrize(
    ("agent", "contrast"),
    [
        ("OMNIPAQUE 350", "W"),
        ("Iohexol IV, oral", "W"),
        ("ORAL", None),
        ("Gastrografin PO", None),
        ("NONE", None),
        ("Without Contrast", None),
        ("0", None),
    ],
)
def test_only_an_agent_in_a_vein_is_contrast(curate: Any, images: Any, agent: str, contrast: str | None) -> None:
    rows = images().add("a", date(2020, 4, 1), count=2, body_part_raw="CHEST", contrast_agent=agent)
    (study,) = curate("", {}, rows.rows).of("imaging_study", "a")
    assert study["loinc_contrast"] == contrast


def test_a_slice_at_an_absurd_place_does_not_stop_a_batch(curate: Any, images: Any) -> None:
    rows = images()
    for place in (0.0, 1.0, 2.0, 1e13):
        rows.add("a", date(2020, 4, 1), image_position_mm=[0.0, 0.0, place], image_orientation=[1.0, 0, 0, 0, 1.0, 0])
    (series,) = curate("", {}, rows.rows).of("imaging_series", "a")
    assert series["n_positions"] == 4
    assert series["n_missing_slices"] is None


def test_a_code_of_the_table_that_contradicts_its_description_is_not_given(
    curate: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "CT CHEST WITHOUT CONTRAST"
    monkeypatch.setattr(answers, "known_codes", lambda: {("CT", words_of(text)): "24628-0"})  # with contrast
    rows = images().add("a", date(2020, 4, 1), study_description=text)
    batch = curate("", {}, rows.rows)
    (study,) = batch.of("imaging_study", "a")
    assert study["loinc_code"] is None
    assert batch.findings["L-LOINC-CONSISTENT", "imaging_study.loinc_code"] == 1
