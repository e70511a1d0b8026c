"""Our own de-identification, under the same conditions as the peers; the only place that calls it."""

import hashlib
from pathlib import Path

from worker import Pairs, Work, one_by_one, serve

from config.deid.profile import load_profile
from config.keys import KeyRing
from tasks.deidentify.instance import InstancePolicy
from tasks.deidentify.roads import deidentify_object
from tasks.identity import Pseudonymizer

RING = KeyRing(1, {1: hashlib.sha256(b"benchmark").digest()})  # nothing real is under this key


class RefusedError(Exception):
    """An object of the corpus that did not pass; the message is the rule's id."""


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the work under the packaged profile: read, de-identify, search for what is left, hash, write."""
    policy = InstancePolicy(Pseudonymizer(RING, "benchmark"), load_profile())

    def deidentify(source: Path, target: Path) -> str:
        outcome = deidentify_object(source.read_bytes(), policy)
        if outcome.content is None:
            raise RefusedError(outcome.rule_id)
        target.write_bytes(outcome.content)
        return hashlib.sha256(outcome.content).hexdigest()

    return one_by_one(deidentify, pairs)


if __name__ == "__main__":
    serve(prepare)
