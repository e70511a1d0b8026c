"""The source cell behind a canonical cell, in clear: for those who may read the raw store and hold the key ring."""

from typing import Any

from config.keys import KeyRing
from config.settings import Settings
from config.site import Site, load_site
from flows.explain import Explained
from tasks.errors import VerificationError
from tasks.harmonize.reading import read_source
from tasks.harmonize.traces import raw_digest
from tasks.identity import Pseudonymizer
from tasks.store import ReadOnlyStore
from tasks.store.parquet import read_table

BY_SITE_FILE = "given to every row by the site file"


def source_of(
    explained: Explained, stores: tuple[ReadOnlyStore, ReadOnlyStore], given: Settings, ring: KeyRing
) -> dict[str, Any]:
    """Give file, row, header and text of the source cell; nothing where no single source cell made it.

    Parameters
    ----------
    stores
        The raw and the work store.

    Raises
    ------
    VerificationError
        If the raw file, the site file or the key ring is not the one that the run had: the text has another digest.
    """
    told, (raw, work) = explained.lineage, stores
    if told["source_file"] is None:
        return {}
    sources = read_table(work.read(explained.layout.private_run(explained.run, "clinical-sources.parquet")))
    source = next((one for one in sources.to_pylist() if one["source_file"] == told["source_file"]), None)
    if source is None:
        raise _changed()
    answer = {"file": source["key"], "row": told["row_number"]}
    if told["source_column"] is None:
        return answer | {"value": BY_SITE_FILE}
    header = source["headers"][told["source_column"] - 1]
    site = load_site(given.sites, explained.site)
    text = _text(raw.read(source["key"]), source, (header, told["row_number"]), site)
    if text is None or not _is_it(text, explained, ring, site):
        raise _changed()
    return answer | {"column": header, "text": text}


def _text(content: bytes, source: dict[str, Any], cell: tuple[str, int], site: Site) -> str | None:
    """Give the text of one cell of a raw file, read as the run read it, or None if there is no such cell."""
    header, row = cell
    if source["table_place"] >= len(site.tables):
        return None
    table = read_source(content, source["key"].rsplit("/", 1)[-1], site.tables[source["table_place"]])
    place = table.rows.index(row).as_py()
    text: str | None = table.cells[header][place].as_py() if place >= 0 and header in table.cells else None
    return text


def _is_it(text: str, explained: Explained, ring: KeyRing, site: Site) -> bool:
    """Tell whether some version of the key ring gives the digest in the lineage."""
    origin, subject = explained.cell.origin, explained.row["subject_id"]
    return any(
        raw_digest(Pseudonymizer(KeyRing(version, ring.keys), site.id_issuer), subject, name, text)
        == explained.lineage["raw_digest"]
        for version in ring.keys
        for name in (*origin.cells, *origin.us_cells)
    )


def _changed() -> VerificationError:
    return VerificationError(
        "the source cell is not what the run read",
        next_step="name the key ring, the site file and the raw store of that run, or run the batch again",
    )
