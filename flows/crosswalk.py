"""The crosswalk of a batch's accepted run as two CSV files, for the honest broker who holds the key ring."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from config.keys import KeyRing
from flows.ledger import accepted_run
from flows.private_files import private_file
from tasks.errors import StoreError, VerificationError
from tasks.identity import Pseudonymizer
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore
from tasks.store.local import LocalStore
from tasks.store.parquet import read_table

HEADER = ("id_old", "id_new")
PATIENT = "patient"
CROSSWALK = "crosswalk.parquet"
Pair = tuple[str, str]


def read_crosswalk(work: ReadOnlyStore, site: str, batch: str) -> tuple[list[Pair], list[Pair]]:
    """Give old and new UIDs, and old and new patient ids, of the accepted run, each sorted by the old one.

    Raises
    ------
    BatchNotReadyError
        If no run of the batch has been accepted.
    """
    run = accepted_run(work, site, batch)
    return split_pairs(read_table(work.read(BatchLayout(site, batch).private_run(run, CROSSWALK))))


def split_pairs(table: pa.Table) -> tuple[list[Pair], list[Pair]]:
    """Give old and new UIDs, and old and new patient ids, of a table of them, each sorted by the old one."""
    is_patient = pc.equal(table["kind"], PATIENT)
    uids, patients = (
        sorted(zip(part["id_old"].to_pylist(), part["id_new"].to_pylist(), strict=True))
        for part in (table.filter(pc.invert(is_patient)), table.filter(is_patient))
    )
    return uids, patients


def require_key(ring: KeyRing, issuer: str, uids: Sequence[Pair], patients: Sequence[Pair]) -> None:
    """Require that one version of a key ring gives every new identifier from its old one.

    Raises
    ------
    VerificationError
        If none does: the ring is not the one that the batch was de-identified with.
    """
    for version in sorted(ring.keys, key=lambda version: version != ring.current):
        people = Pseudonymizer(KeyRing(version, ring.keys), issuer)
        given = [(people.subject, patients), (people.uid, uids)]
        agree = (give(old) == new for give, pairs in given for old, new in pairs)
        if all(agree):
            return
    raise VerificationError(
        "the key ring is not the one that this batch was de-identified with",
        next_step="name the right one with --keys or CURATE_KEYS",
    )


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write identifiers as CSV, readable by the owner only; a file that stands there is replaced."""
    with private_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(pairs)


def require_outside(path: Path, stores: Mapping[str, ReadOnlyStore]) -> Path:
    """Give the path without links, if it lies in none of the stores.

    Parameters
    ----------
    stores
        By their names in the settings; those that are no local folder cannot be written to by a path.

    Raises
    ------
    StoreError
        If it lies in one of them, or its folder does not exist.
    """
    real = path.resolve()
    for name, store in stores.items():
        if isinstance(store, LocalStore) and store.root.resolve() in (real, *real.parents):
            raise StoreError(
                f"the file would lie in the {name} store, where a crosswalk must never be",
                next_step="name a file outside the raw, work, release and sequestered stores",
            )
    if not real.parent.is_dir() or real.is_dir():
        raise StoreError("there is no folder for the file", next_step=f"make the folder {real.parent}")
    return real


def require_distinct(paths: Sequence[Path]) -> None:
    """Require that no two files are the same.

    Raises
    ------
    StoreError
        If two are.
    """
    if len(set(paths)) < len(paths):
        raise StoreError("--uids and --patients name the same file", next_step="name two files")
