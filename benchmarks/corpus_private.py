"""Private blocks as vendors' scanners fill them, some of their values copies of identifying ones."""

import random
from collections.abc import Callable

from corpus_headers import Person, items
from pydicom.datadict import private_dictionary_VR
from pydicom.dataset import Dataset

VENDORS = ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips")

_PRIVATE_VALUES: dict[str, Callable[[random.Random], object]] = {
    "DS": lambda rng: f"{rng.uniform(0, 900):.3f}",
    "IS": lambda rng: str(rng.randrange(1000)),
    "LO": lambda rng: f"value {rng.randrange(10**6)}",
    "SH": lambda rng: f"v{rng.randrange(1000)}",
    "CS": lambda rng: f"MODE_{rng.randrange(99)}",
    "SS": lambda rng: rng.randrange(-99, 99),
    "US": lambda rng: rng.randrange(999),
    "SL": lambda rng: rng.randrange(-(10**6), 10**6),
    "UL": lambda rng: rng.randrange(10**6),
    "FL": lambda rng: rng.random(),
    "FD": lambda rng: rng.random(),
}

# Group, creator, first offset and the one after the last of the blocks that a vendor's scanner would fill.
_FILLED: dict[str, tuple[tuple[int, str, int, int], ...]] = {
    "SIEMENS": ((0x0019, "SIEMENS CT VA0  COAD", 0x10, 0x38), (0x0021, "SIEMENS MED", 0x10, 0x20)),
    "GE MEDICAL SYSTEMS": (
        (0x0019, "GEMS_ACQU_01", 0x02, 0x2C),
        (0x0023, "GEMS_STDY_01", 0x70, 0x7E),
        (0x0027, "GEMS_IMAG_01", 0x06, 0x22),
        (0x0043, "GEMS_PARM_01", 0x10, 0x4F),
    ),
    "Philips": ((0x01F1, "ELSCINT1", 0x01, 0x30), (0x2001, "Philips Imaging DD 001", 0x01, 0x18)),
}


def private_blocks(person: Person, dataset: Dataset, vendor: str, rng: random.Random) -> None:
    """Add vendor-like private groups, some of their values copies of identifying ones."""
    for block in _FILLED[vendor]:
        _fill(dataset, block, rng)
    if vendor == "SIEMENS":
        csa = b"SV10\x04\x03\x02\x01" + f"tPatientName={person.name}\0".encode() + rng.randbytes(6000)
        header = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        header.add_new(0x08, "CS", "CT")
        header.add_new(0x10, "OB", csa + b"\0" * (len(csa) % 2))
        header.add_new(0x20, "OB", rng.randbytes(2048))
    elif vendor == "Philips":
        nested = items({"PatientName": person.name, "StudyDate": dataset.StudyDate})
        dataset.private_block(0x00E1, "EXAMPLE NESTED 1.0", create=True).add_new(0x22, "SQ", nested)
    else:
        identity = dataset.private_block(0x0009, "GEMS_IDEN_01", create=True)
        identity.add_new(0x02, "SH", "CT01")
        identity.add_new(0x27, "SL", 1583020800 + person.index)
        identity.add_new(0xE3, "UI", person.uid())
        copy = person.plant("text", f"GE private copy of {person.mrn}")
        dataset.private_block(0x0045, "GEMS_EXAMPLE_01", create=True).add_new(0x01, "LO", copy)


def _fill(dataset: Dataset, filled: tuple[int, str, int, int], rng: random.Random) -> None:
    group, creator, first, last = filled
    block = dataset.private_block(group, creator, create=True)
    for offset in range(first, last):
        try:
            vr = private_dictionary_VR(group << 16 | 0x1000 | offset, creator)
        except KeyError:
            vr = ("DS", "SS", "FL", "LO")[offset % 4]
        if vr in _PRIVATE_VALUES:
            block.add_new(offset, vr, _PRIVATE_VALUES[vr](rng))
