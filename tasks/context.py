"""What every stage of a batch is given: who sent it, by which rules, under which key, from where to where."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from config.deid import Profile
from config.keys import KeyRing
from config.settings import Settings
from config.site import Site
from config.version import VERSION
from tasks.identity import Pseudonymizer, source_id
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore, Store


@dataclass(frozen=True, slots=True)
class BatchContext:
    """One batch of one site, with its configuration, its key ring and its two stores."""

    site: Site
    batch: str
    settings: Settings
    profile: Profile
    ring: KeyRing = field(repr=False)
    raw: ReadOnlyStore
    work: Store

    @property
    def layout(self) -> BatchLayout:
        """The work keys of this batch."""
        return BatchLayout(self.site.code, self.batch)

    @property
    def pseudonymizer(self) -> Pseudonymizer:
        """The identity functions of this site."""
        return Pseudonymizer(self.ring, self.site.id_issuer)

    @property
    def shard_fingerprint(self) -> str:
        """Digest of all that decides what de-identification makes of an object, besides the object."""
        facts = {
            "code": VERSION,
            "profile": self.profile.digest,
            "site": [self.site.code, self.site.id_issuer, self.site.accept_not_checked],
            "limits": [self.settings.archive.model_dump(), self.settings.object.model_dump()],
            "key": [self.ring.current, source_id(self.ring, "key check")],
        }
        return _digest(facts)

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides what a run of the batch comes to, besides the input."""
        return _digest([self.shard_fingerprint, self.site.digest, *map(files_digest, ("config", "expectations"))])


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def files_digest(package: str) -> str:
    """Digest of the rules, vocabularies and suites that a package holds as data; site files are not among them."""
    folders, found = [files(package)], []
    while folders:
        for entry in sorted(folders.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir() and entry.name != "sites":
                folders.append(entry)
            elif entry.name.endswith((".csv", ".json")):
                found.append(hashlib.sha256(entry.read_bytes()).hexdigest())
    return _digest(found)
