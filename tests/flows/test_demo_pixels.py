"""Every invented patient has pixels of their own, and they are still those of a real image."""

import io
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pytest
from pydicom import dcmread

from flows.demo_cohort import PATIENTS, CohortPatient, images_of, issued
from flows.demo_files import real_files

IMAGES = [
    "more/RG1_J2KI.dcm",
    "more/RG3_J2KI.dcm",
    "more/693_J2KR.dcm",
    "more/explicit_VR-UN.dcm",
    "test_files/MR_small_jpeg_ls_lossless.dcm",
    "test_files/CT_small.dcm",
    "test_files/dicomdirtests/98892001/CT5N/2062",
]


@pytest.fixture(scope="module")
def real() -> Mapping[str, bytes]:
    return real_files()


def test_no_two_images_of_the_cohort_or_of_the_real_files_have_the_same_pixels(real: Mapping[str, bytes]) -> None:
    owners = defaultdict(set)
    for name in IMAGES:
        owners[dcmread(io.BytesIO(real[name])).PixelData].add(name)
    for site, number in [*(("s01", number) for number in range(PATIENTS)), ("s02", 0), ("s02", 1)]:
        for image in images_of(CohortPatient(site, number), real):
            owners[dcmread(io.BytesIO(image.content)).PixelData].add(f"{image.study_uid} {image.number}")
    assert len(owners) > 100
    assert [found for found in owners.values() if len(found) > 1] == []


@pytest.mark.parametrize("name", IMAGES)
def test_few_pixels_differ_from_those_of_the_real_file(real: Mapping[str, bytes], name: str) -> None:
    before = dcmread(io.BytesIO(real[name])).pixel_array
    after = dcmread(io.BytesIO(issued(real[name], CohortPatient("s01", 3), 0))).pixel_array
    assert 0 < np.count_nonzero(before != after) < before.size / 16


def test_the_same_image_has_the_same_pixels_every_time(real: Mapping[str, bytes]) -> None:
    first, second = (issued(real[IMAGES[0]], CohortPatient("s01", 3), 0) for _ in range(2))
    assert first == second
