"""Mutants of real files: the engine ends each in an answer or none, and every answer is pydicom's too."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pydicom.data

from tasks.deidentify.engine.run import deidentify_bytes
from tasks.deidentify.instance import deidentify_instance
from tests.deidentify.engine_oracle import assert_agree
from tests.deidentify.objects import POLICY, a_ct, an_item, bytes_of

MUTANTS = int(os.environ.get("ENGINE_MUTANTS", "500"))  # 5000 and more show it at length
LARGEST = 60_000
CANARIES = Path(__file__).parents[1] / "golden" / "deid_canaries"
REAL = Path(pydicom.data.__file__).parent / "test_files"
TELLING = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"SQ",
    b"UN",
    b"OB",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\r\xe0",
    b"\\",
    b"\x1b$B",
]


def sources() -> list[bytes]:
    """Files that the engine answers, small enough to be many."""
    files = [path.read_bytes() for path in sorted([*REAL.glob("*.dcm"), *CANARIES.glob("*.dcm")])]
    made = bytes_of(a_ct(ReferencedImageSequence=[an_item(ReferencedSOPInstanceUID="1.2.3.4.5.6.7")]))
    return [made, *(content for content in files if len(content) <= LARGEST and deidentify_bytes(content, POLICY))]


def mutants(count: int) -> Iterator[bytes]:
    """Mutants, the same ones every time."""
    rng = random.Random(20261125)  # noqa: S311 -- made-up data that must come out the same again
    originals = sources()
    for _ in range(count):
        content = bytearray(rng.choice(originals))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(132, min(len(content), 4000) if rng.random() < 0.8 else len(content))
            other, size = rng.randrange(132, len(content)), rng.randint(1, 12)
            match rng.randrange(20):
                case 0:
                    del content[place : place + size]
                case 1:
                    content[place:place] = rng.randbytes(size)
                case 2:
                    content[place:place] = content[other : other + rng.randint(8, 80)]
                case 3 | 4 | 5:
                    telling = rng.choice(TELLING)
                    content[place : place + len(telling)] = telling
                case 6 | 7 | 8 | 9:
                    content[place : place + size] = content[other : other + size].ljust(size)
                case _:
                    content[place] = rng.randrange(256)
        yield bytes(content[: rng.randrange(len(content))] if rng.random() < 0.05 else content)


def test_every_mutant_ends_in_pydicoms_answer_or_in_none() -> None:
    answered = 0
    for number, content in enumerate(mutants(MUTANTS)):
        found = deidentify_bytes(content, POLICY)
        if found is not None:
            answered += 1
            try:
                assert_agree(found, deidentify_instance(content, POLICY))
            except AssertionError as problem:
                raise AssertionError(f"mutant {number}") from problem
    assert answered > MUTANTS // 20
