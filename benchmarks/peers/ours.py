"""Our own de-identification, under the same conditions as the peers. ``ours.py [bare] [unhashed] [DIGEST ...]``.

``bare`` leaves out the search for what is left of the subject, which no peer does and no user of ours can switch off;
``unhashed`` leaves out the SHA-256, which no peer makes either; further digests are made where they are named.
"""

import os
import sys
from functools import cache
from pathlib import Path

from worker import Pairs, Work, one_by_one, serve

from config.deid.profile import load_profile
from config.keys import KeyRing
from tasks.deidentify.digests import DIGESTS, Digests
from tasks.deidentify.engine.pixel_search import PixelSearch
from tasks.deidentify.engine.pixels import NO_BOUND, Awaited, PixelPart
from tasks.deidentify.engine.run import Engine
from tasks.deidentify.instance import InstancePolicy, deidentify_instance
from tasks.deidentify.streaming import Streaming
from tasks.deidentify.words import text_words
from tasks.identity import Pseudonymizer

RING = KeyRing(1, {1: bytes(range(32))})  # nothing real is under this key


class RefusedError(Exception):
    """An object of the corpus that did not pass; the message is the rule's id."""


class Bare(Engine):
    """The engine without the search."""

    def _expect_nothing_left(self, scope: object, part: PixelPart | None, result: object) -> Awaited | None:  # noqa: ARG002 -- what it overrides has them
        return (
            Awaited(part.length, part.cells, NO_BOUND, PixelSearch(()), part.image.pixel_bytes)
            if part and part.cells
            else None
        )


@cache
def ready() -> tuple[Engine, InstancePolicy]:
    """Give what a worker has from its start to its end: all that was learned about headers stays known."""
    text_words()
    policy = InstancePolicy(Pseudonymizer(RING, "benchmark"), load_profile())
    return Bare(policy) if "bare" in sys.argv[1:] else Engine(policy), policy


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the work under the packaged profile: read, de-identify, search for what is left, hash, write."""
    engine, policy = ready()
    words = sys.argv[1:] if "unhashed" in sys.argv[1:] else ["sha256", *sys.argv[1:]]
    digests = tuple(name for name in DIGESTS if name in words)
    streaming = Streaming(engine, digests)

    def deidentify(source: Path, target: Path) -> None:
        with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
            if streaming.passing(reader, os.fstat(reader.fileno()).st_size, writer):
                return
        content = source.read_bytes()
        finished = engine.deidentify(content)
        outcome = None if finished else deidentify_instance(content, policy)
        result = b"".join(finished.parts) if finished else outcome and outcome.content
        if result is None:
            raise RefusedError(outcome.rule_id if outcome else "")
        if finished and "pixel_sha256" in digests:
            finished.pixel_sha256()
        made = Digests(digests)
        made.update(result)
        made.texts()
        target.write_bytes(result)

    return one_by_one(deidentify, pairs)


if __name__ == "__main__":
    ready()
    serve(prepare)
