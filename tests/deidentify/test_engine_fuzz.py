"""Mutants of real files: each ends by a rule in little time and memory, and what the engine says pydicom says too."""

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom.data

from config.rules import ledger_rules
from tasks.deidentify.engine.run import deidentify_bytes
from tasks.deidentify.instance import deidentify_instance
from tests.deidentify.engine_oracle import assert_agree
from tests.deidentify.objects import POLICY, a_ct, an_item, bytes_of

MUTANTS = int(os.environ.get("ENGINE_MUTANTS", "2000"))
LONGEST_SECONDS = 20
GROWTH_BYTES = 200 << 20
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


def test_every_mutant_ends_by_a_rule_and_the_roads_agree() -> None:
    answered, rules, before = 0, Counter[str](), peak_bytes()
    for number, content in enumerate(mutants(MUTANTS)):
        start = time.process_time()
        found, expected = deidentify_bytes(content, POLICY), deidentify_instance(content, POLICY)
        assert time.process_time() - start < LONGEST_SECONDS, f"mutant {number}"
        assert expected.rule_id in ledger_rules(), f"mutant {number}"
        rules[expected.rule_id] += 1
        if found is not None:
            answered += 1
            try:
                assert_agree(found, expected)
            except AssertionError as problem:
                raise AssertionError(f"mutant {number}") from problem
    assert answered > MUTANTS // 20
    assert rules["DE-FAILED"] == 0
    assert len(rules) > 5
    assert peak_bytes() - before < GROWTH_BYTES


def peak_bytes() -> int:
    """The largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
