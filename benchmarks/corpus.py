"""Write the benchmark's corpus: CT series and CR/DX images with planted identifiers, the same bytes for a seed.

``python benchmarks/corpus.py OUT [--quick]``. Nothing in it comes from a person or a scanner. Vendors, transfer
syntaxes (explicit and implicit VR little endian; some projections in JPEG Lossless and RLE), sequences of defined and
undefined length and character sets (UTF-8, Latin-1) take turns. ``OUT/corpus.json`` lists every identifying value that
was written, so that a search can tell what a tool left.
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus_headers import Person, Study, common_header, ct_header, dx_header
from corpus_jpeg import jpeg_lossless
from corpus_private import VENDORS, private_blocks
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLosslessSV1, RLELossless

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
PACKED = (JPEGLosslessSV1, RLELossless)
EVERY = 4  # projections, of which one is packed


@dataclass(frozen=True)
class Shape:
    """How much there is of everything; `ct_size` and `dx_size` are in pixels."""

    ct_patients: int = 4
    series: int = 2
    slices: int = 50
    ct_size: int = 512
    dx_patients: int = 5
    images: int = 4
    dx_size: tuple[int, int] = (2500, 2000)
    seed: int = 7


QUICK = Shape(ct_patients=2, series=1, slices=30, dx_patients=1, images=4)


@dataclass
class Corpus:
    """What was written: files relative to the folder by kind, and the planted values by kind of value."""

    ct: list[str] = field(default_factory=list)
    dx: list[str] = field(default_factory=list)
    planted: dict[str, list[str]] = field(default_factory=dict)
    native_pixel_bytes: list[int] = field(default_factory=list)


def write_corpus(out: Path, shape: Shape) -> Corpus:
    """Write the files and ``corpus.json`` below a folder."""
    corpus = Corpus(native_pixel_bytes=[2 * shape.ct_size**2, 2 * shape.dx_size[0] * shape.dx_size[1]])
    planted: dict[str, set[str]] = {}
    for index in range(shape.ct_patients + shape.dx_patients):
        person = _person(index, shape.seed)
        is_ct = index < shape.ct_patients
        datasets = _ct_study(person, shape) if is_ct else _dx_study(person, shape)
        for name, dataset in datasets:
            path = out / ("ct" if is_ct else "dx") / f"P{index:03d}" / name
            _write(dataset, path, undefined=(index + int(dataset.SeriesNumber)) % 2 == 0)
            (corpus.ct if is_ct else corpus.dx).append(path.relative_to(out).as_posix())
        for kind, values in person.planted.items():
            planted.setdefault(kind, set()).update(values)
    corpus.planted = {kind: sorted(values) for kind, values in sorted(planted.items())}
    (out / "corpus.json").write_text(json.dumps(asdict(corpus), indent=1, ensure_ascii=False), encoding="utf-8")
    return corpus


def _person(index: int, seed: int) -> Person:
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=8).digest()
    rng = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 -- made-up data that must come out the same again
    return Person(index, rng, f"1.2.826.0.1.3680043.9.9999.{seed}")


def _study(person: Person) -> Study:
    return Study(
        uid=person.uid(),
        procedure_step=person.uid(),
        day=person.first_study + timedelta(days=9),
        time=f"{8 + person.index % 10:02d}{person.rng.randrange(60):02d}17.{person.rng.randrange(10**6):06d}",
        accession=person.plant("id", f"ACC{person.index:05d}00"),
    )


def _ct_study(person: Person, shape: Shape) -> Iterator[tuple[str, Dataset]]:
    study = _study(person)
    for number in range(shape.series):
        turn = person.index * shape.series + number
        dataset = _ct_series(person, study, turn, shape.ct_size)
        dataset.SeriesNumber = str(number + 1)
        base = ct_slice(np.random.default_rng(shape.seed + turn), shape.ct_size)
        for k in range(shape.slices):
            dataset.SOPInstanceUID = person.uid()
            dataset.InstanceNumber = str(k + 1)
            dataset.SliceLocation = f"{-120.0 - 1.25 * k:.3f}"
            dataset.ImagePositionPatient = ["-180", "-180", dataset.SliceLocation]
            dataset.ContentTime = dataset.AcquisitionTime = f"{study.time[:4]}{k % 60:02d}.{k:06d}"
            dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = -1100, 300 + k
            _set_pixels(dataset, np.roll(base, (7 * k, 3 * k), (0, 1)), NATIVE[turn % 2])
            yield f"S{number}-IM{k:04d}.dcm", dataset


def _ct_series(person: Person, study: Study, turn: int, size: int) -> Dataset:
    vendor = VENDORS[turn % 3]
    dataset = common_header(person, "CT", vendor, study)
    dataset.SpecificCharacterSet = "ISO_IR 100" if turn % 2 and _is_latin(person) else "ISO_IR 192"
    ct_header(person, dataset, size)
    private_blocks(person, dataset, vendor, person.rng)
    dataset.SeriesInstanceUID = person.uid()
    return dataset


def _dx_study(person: Person, shape: Shape) -> Iterator[tuple[str, Dataset]]:
    study = _study(person)
    for k in range(shape.images):
        turn = person.index * shape.images + k
        syntax = NATIVE[turn % 2] if turn % EVERY else PACKED[turn // EVERY % 2]
        dataset = common_header(person, ("DX", "CR")[turn // 2 % 2], VENDORS[turn % 3], study)
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dx_header(person, dataset, shape.dx_size)
        private_blocks(person, dataset, VENDORS[turn % 3], person.rng)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = person.uid(), person.uid()
        dataset.SeriesNumber, dataset.InstanceNumber = str(k + 1), "1"
        _set_pixels(dataset, dx_image(np.random.default_rng(shape.seed + turn), *shape.dx_size), syntax)
        yield f"IM{k:04d}.dcm", dataset


def ct_slice(rng: np.random.Generator, size: int) -> npt.NDArray[np.int16]:
    """Give one noisy chest-like square slice in Hounsfield units."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    body = np.where((x / 0.8) ** 2 + (y / 0.6) ** 2 < 1, 40.0, -1000.0)
    for centre in (-0.35, 0.35):
        body[((x - centre) / 0.25) ** 2 + (y / 0.4) ** 2 < 1] = -820
    return (body + rng.normal(0, 18, body.shape)).astype("<i2")


def dx_image(rng: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.uint16]:
    """Give one noisy projection of 12 bits."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    smooth = 2200 + 900 * np.cos(2.5 * x) * np.cos(1.8 * y) + 120 * np.sin(24 * y + 4 * x)
    image: npt.NDArray[np.uint16] = np.clip(smooth + rng.normal(0, 9, (rows, columns)), 0, 4095).astype("<u2")
    return image


def _set_pixels(dataset: Dataset, image: npt.NDArray[np.int16] | npt.NDArray[np.uint16], syntax: UID) -> None:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == JPEGLosslessSV1:
        dataset.PixelData = encapsulate([jpeg_lossless(image, dataset.BitsStored)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.PixelData = image.tobytes()
        dataset["PixelData"].VR = "OW"
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax


def _write(dataset: Dataset, path: Path, *, undefined: bool) -> None:
    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.8.498.1")
    meta.SourceApplicationEntityTitle = "EXAMPLE_AE"
    _mark_sequences(dataset, undefined=undefined)
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)


def _mark_sequences(dataset: Dataset, *, undefined: bool) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for child in element.value:
                child.is_undefined_length_sequence_item = undefined
                _mark_sequences(child, undefined=undefined)


def _is_latin(person: Person) -> bool:
    try:
        (person.family + person.given).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true", help="a small one")
    words = parser.parse_args()
    written = write_corpus(words.out, QUICK if words.quick else Shape())
    print(json.dumps({"ct": len(written.ct), "dx": len(written.dx)}))
