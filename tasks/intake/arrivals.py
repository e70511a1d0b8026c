"""Which batches lie complete in the raw store, and by which token each is started exactly once."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.layout import BATCH_NAME, MARKER, raw_prefix
from tasks.store import ReadOnlyStore


@dataclass(frozen=True, slots=True)
class Arrival:
    """A complete batch; `token` is the same as long as its marker is, and another when the marker is written anew."""

    site: str
    batch: str
    token: str


def arrival_token(site: str, batch: str, marker_etag: str) -> str:
    """Give the token that makes the start of a batch unique: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps([site, batch, marker_etag]).encode()).hexdigest()[:32]


def known_sites(folder: Path) -> list[str]:
    """Give the codes of the sites that have a file in the folder of site files, in order."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def complete_batches(raw: ReadOnlyStore, sites: Path) -> Iterator[Arrival]:
    """Give every batch of a known site whose marker is there, in order of site and batch.

    Folders of unknown sites and folders whose name cannot be a batch's are passed over; their objects are not listed.

    Parameters
    ----------
    sites
        Folder of site files.

    Raises
    ------
    StoreError
        If the raw store is missing, refuses us, or cannot be reached.
    """
    for site in known_sites(sites):
        for batch in raw.folders(f"{site}/"):
            marker = raw.head(raw_prefix(site, batch) + MARKER) if re.fullmatch(BATCH_NAME, batch) else None
            if marker is not None:
                yield Arrival(site, batch, arrival_token(site, batch, marker.etag))
