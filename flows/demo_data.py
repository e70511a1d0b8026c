"""The input of the demo: real DICOM arranged as two sites' batches, the way contributors really send it.

Four kinds of objects. (1) Real test files of pydicom and pydicom-data, byte for byte: CT, CR, MR, US, NM, SEG, SR, RT,
ECG, many transfer syntaxes and character sets, DICOMDIRs, malformed ones; most have no usable patient and end rejected
or held, which the ledger must say. (2) An invented cohort with real images (`flows.demo_cohort`). (3) What comes with
any upload: archives, notes, an empty file, a duplicate, a truncated file, one SOP UID with two contents, one study
under two patients, a wrong digest in a declaration. (4) Clinical tables of the cohort. Everything is deterministic.
"""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flows.demo_cohort import CANARY, PATIENTS, CohortPatient, changed, images_of, invented_uid, issued
from flows.demo_files import real_files
from flows.demo_tables import DemoPatient, demo_tables
from tasks.layout import MARKER, raw_prefix
from tasks.store import CreateOnlyStore

Files = dict[str, bytes]
_DISC, _ALPHA = "test_files/dicomdirtests/", "test_files/dicomdirtests/TINY_ALPHA/"
COHORTS = (("s01", range(10)), ("s01", range(10, 14)), ("s02", range(14, PATIENTS)))
WRONGLY_DECLARED = "export/scan.jpg"
_CAPTURES = ("charset_files/", "palettes/", "test_files/SC_", "more/SC_", "test_files/JP")

_RENAMED = {
    "export/test_files/MR_small.dcm": "export/scan.jpg",
    "export/test_files/rtdose.dcm": "export/DOSE",
    "export/test_files/reportsi.dcm": "export/1.2.840.113619",
    "export/test_files/rtplan.dcm": "export/plan.dcm.bak",
}


@dataclass(frozen=True, slots=True)
class DemoBatch:
    """One batch to upload: `files` by name relative to the batch, and the invented patients in it."""

    site: str
    batch: str
    files: Mapping[str, bytes]
    patients: tuple[DemoPatient, ...]


def demo_batches() -> list[DemoBatch]:
    """Give the three batches of two sites: about 360 objects and 30 MB, the same bytes every time.

    Raises
    ------
    ConfigError
        If pydicom-data is not installed.
    """
    real = real_files()
    first, second, third = ([CohortPatient(site, number) for number in numbers] for site, numbers in COHORTS)
    return [
        _batch("s01", "b2026-01", _images_by_name(first, real) | _disc(real) | _odds(first, real), first),
        _batch("s01", "b2026-02", _images_by_name(second, real) | _captures(real), second),
        _batch(
            "s02",
            "b2026-01",
            _images_by_uid(third, real) | _the_rest(real) | _archives(third, real) | _quarrels(third, real),
            third,
        ),
    ]


def upload(
    batches: Sequence[DemoBatch],
    store: CreateOnlyStore,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Lay batches into a raw store, each with its marker last; what already stands there is left.

    Parameters
    ----------
    progress
        Is told how many objects are there and how many there will be.

    Returns
    -------
    int
        How many objects were not there before.
    """
    total, done, created = sum(len(batch.files) for batch in batches), 0, 0
    for batch in batches:
        for path in sorted(batch.files, key=lambda path: (path == MARKER, path)):
            created += store.create(raw_prefix(batch.site, batch.batch) + path, batch.files[path])
            done += 1
            progress(done, total)
    return created


def _batch(site: str, batch: str, files: Files, patients: Sequence[CohortPatient]) -> DemoBatch:
    """Give a batch with its clinical tables, its declaration and its marker."""
    people = tuple(
        DemoPatient(patient.patient_id, patient.sex, patient.study_dates, patient.age_years) for patient in patients
    )
    files = files | demo_tables(site, people)
    files |= _DECLARATIONS[site, batch](files) if (site, batch) in _DECLARATIONS else {}
    return DemoBatch(site, batch, files | {MARKER: b""}, people)


def _declaration(files: Files) -> Files:
    """Give our own declaration of what is in a batch."""
    facts = [
        {"path": path, "size_bytes": len(files[path]), "sha256": hashlib.sha256(files[path]).hexdigest()}
        for path in sorted(files)
    ]
    return {"declaration.json": json.dumps({"files": facts}, indent=1).encode()}


def _manifest(files: Files) -> Files:
    """Give a manifest in the style of RSNA and MIDRC, in which one digest is wrong."""
    lines = ["file_name\tmd5sum\tfile_size\tacl"]
    for path in sorted(files):
        content = b"as it was before" if path == WRONGLY_DECLARED else files[path]
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        lines.append(f"{path}\t{digest}\t{len(files[path])}\t['Open']")
    return {"image_manifest_20260105.tsv": "\n".join([*lines, ""]).encode()}


_DECLARATIONS: Mapping[tuple[str, str], Callable[[Files], Files]] = {
    ("s01", "b2026-01"): _declaration,
    ("s02", "b2026-01"): _manifest,
}


def _images_by_name(patients: Sequence[CohortPatient], real: Files) -> Files:
    """Lay images out under people's names, as a site does that exports by hand."""
    files = {}
    for patient in patients:
        for image in images_of(patient, real):
            folder = f"images/{patient.name.replace('^', ' ')}/{patient.study_dates[image.study]:%Y-%m-%d}"
            files[f"{folder}/IM{image.number:04}.dcm"] = image.content
    return files


def _images_by_uid(patients: Sequence[CohortPatient], real: Files) -> Files:
    """Lay images out under record numbers and UIDs with a modality's own extension, as an archive exports them."""
    return {
        f"data/{patient.patient_id}/{image.study_uid}/{image.series_uid}/{image.number}.IMA": image.content
        for patient in patients
        for image in images_of(patient, real)
    }


def _disc(real: Files) -> Files:
    """Give a patient CD: nested folders, names without extension, six DICOMDIRs."""
    return {
        f"cd1/{name.removeprefix(_DISC)}": content
        for name, content in real.items()
        if name.startswith(_DISC) and not name.startswith(_ALPHA)
    }


def _captures(real: Files) -> Files:
    """Give character sets, palettes and secondary captures."""
    return {f"mixed/{name}": content for name, content in real.items() if name.startswith(_CAPTURES)}


def _the_rest(real: Files) -> Files:
    """Give all other real files, some under names that say nothing or something false."""
    rest = {f"export/{name}": content for name, content in real.items() if not name.startswith((_DISC, *_CAPTURES))}
    for old, new in _RENAMED.items():
        rest[new] = rest.pop(old)
    return rest


def _odds(patients: Sequence[CohortPatient], real: Files) -> Files:
    """Give what comes with any upload: notes, an empty file, text that calls itself DICOM, a duplicate, a torn file."""
    image = next(images_of(patients[0], real)).content
    return {
        "README.txt": f"Questions to {CANARY}-COORDINATOR, room 7\n".encode(),
        "images/empty.dcm": b"",
        "images/notes.dcm": f"{CANARY} called, please rescan\n".encode(),
        "images/copy of first.dcm": image,
        "images/torn.dcm": image[: len(image) // 2],
    }


def _archives(patients: Sequence[CohortPatient], real: Files) -> Files:
    """Give a ZIP that holds a patient CD, a TAR of one invented patient, and one gzipped image."""
    disc = {name.removeprefix(_ALPHA): content for name, content in real.items() if name.startswith(_ALPHA)}
    images = {f"{image.study_uid}/{image.number}": image.content for image in images_of(patients[0], real)}
    return {
        "archives/disc.zip": _zip(disc),
        "archives/images.tar.gz": _tar(images | {"notes.txt": f"{CANARY}\n".encode()}),
        "archives/single.dcm.gz": gzip.compress(real["test_files/CT_small.dcm"], mtime=0),
    }


def _quarrels(patients: Sequence[CohortPatient], real: Files) -> Files:
    """Give one SOP UID with two contents, and one study under two patients."""
    one, other = (issued(real["more/RG3_J2KI.dcm"], patient, 0) for patient in patients[1:3])
    contents, people = ({"StudyInstanceUID": invented_uid("study", name)} for name in ("contents", "people"))
    return {
        "quarrels/1.dcm": changed(one, contents | {"SOPInstanceUID": invented_uid("sop"), "InstanceNumber": 1}),
        "quarrels/2.dcm": changed(one, contents | {"SOPInstanceUID": invented_uid("sop"), "InstanceNumber": 2}),
        "quarrels/3.dcm": changed(one, people | {"SOPInstanceUID": invented_uid("one")}),
        "quarrels/4.dcm": changed(other, people | {"SOPInstanceUID": invented_uid("other")}),
    }


def _zip(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 5, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _tar(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)
