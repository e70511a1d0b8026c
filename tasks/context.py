"""What every stage of a batch is given: who sent it, by which rules, under which key, from where to where."""

import hashlib
import json
from dataclasses import dataclass, field

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
    def fingerprint(self) -> str:
        """Digest of all that decides a result besides the input: rules, site file, limits, key and code version."""
        facts = {
            "code": VERSION,
            "profile": self.profile.digest,
            "site": self.site.digest,
            "limits": [self.settings.archive.model_dump(), self.settings.object.model_dump()],
            "key": [self.ring.current, source_id(self.ring, "key check")],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
