"""The instance manifest in the forms that download tools and commons read, all rendered from the one table.

Every form is a head, one text per instance and a tail, so that a manifest of millions is made piece by piece.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.release.model import About
from tasks.release.query import number
from tasks.release.rows import Rows, batches_of

BAG = "manifests/bag/"
CHECKSUMS = f"{BAG}manifest-sha256.txt"
S5CMD = "manifests/s5cmd.txt"
_BAG_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"  # RFC 8493, section 2.1.1


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the instance manifest: its file, the columns that it needs, and the texts of some rows.

    `head`, `between` and `tail` stand around and between these.
    """

    name: str
    columns: tuple[str, ...]
    texts: Callable[[pa.RecordBatch, About], pa.Array]
    head: str = ""
    between: str = "\n"
    tail: str = "\n"


def manifests(instances: Rows, about: About) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give the manifests of a release, each with its name there and its content in pieces.

    Parameters
    ----------
    instances
        The table `imaging_instance`; the order of its rows is that of every manifest.
    about
        Where the public finds the release decides which forms there are: those for s5cmd need an ``s3://`` address,
        those for aria2 and curl one that begins with ``https://``, and a list of what a bag must fetch either.
    """
    for form in (*_ALWAYS, *(_OF_BUCKET if about.address else ()), *(_OF_WEB if about.web_address else ())):
        yield form.name, _rendered(form, instances, about)
    if about.address or about.web_address:
        yield _FETCH.name, _rendered(_FETCH, instances, about)
    yield f"{BAG}bagit.txt", iter([_BAG_DECLARATION.encode()])
    yield f"{BAG}bag-info.txt", iter([_bag_info(instances, about).encode()])


def _rendered(form: Form, instances: Rows, about: About) -> Iterator[bytes]:
    yield form.head.encode()
    between = tail = b""
    for batch in batches_of(instances, form.columns):
        if len(batch):
            yield between
            yield joined(form.texts(batch, about), form.between)
            between, tail = form.between.encode(), form.tail.encode()
    yield tail or form.tail.lstrip("\n").encode()


def joined(texts: pa.Array, between: str) -> bytes:
    """Give texts as one, without a Python object for each of them."""
    whole = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts), between)
    content: bytes = whole[0].as_buffer().to_pybytes()
    return content


def bytes_of(instances: Rows) -> int:
    """Give the bytes of all objects."""
    return number("SELECT sum(size) FROM instances", instances=instances)


def _text(*parts: object) -> pa.Array:
    """Join texts and columns, row by row; numbers are written in full."""
    columns = [part.cast(pa.string()) if isinstance(part, pa.Array) else part for part in parts]
    return pc.binary_join_element_wise(*columns, "")


def _checksums(rows: pa.RecordBatch, _: About) -> pa.Array:
    """Give ``<sha256>  <key>``: `sha256sum --check` reads it where the keys are paths, and so does BagIt."""
    return _text(rows["sha256"], "  ", rows["key"])


def _fetch(rows: pa.RecordBatch, about: About) -> pa.Array:
    """Give ``<url> <bytes> <path>`` (RFC 8493, section 2.2.3)."""
    root = about.web_address or about.address
    return _text(f"{root}/", rows["key"], " ", rows["size"], " ", rows["key"])


def _s5cmd(rows: pa.RecordBatch, about: About) -> pa.Array:
    """Give a copy command: `s5cmd run` brings each object to the path that is its key."""
    return _text(f"cp {about.address}/", rows["key"], " ", rows["key"])


def _curl(rows: pa.RecordBatch, about: About) -> pa.Array:
    return _text(f'url = "{about.web_address}/', rows["key"], '"\noutput = "', rows["key"], '"')


def _aria2(rows: pa.RecordBatch, about: About) -> pa.Array:
    paths = f"{about.web_address}/", rows["key"], "\n  out=", rows["key"]
    return _text(*paths, "\n  checksum=sha-256=", rows["sha256"])


def _indexd(rows: pa.RecordBatch, about: About) -> pa.Array:
    """Give a row of guid, md5, size, authz, acl and urls; lists have blanks between their items."""
    acl = "*" if about.access_level == "open" else ""
    lists = [pc.binary_join(rows[name].cast(pa.list_(pa.string())), " ") for name in ("authz", "urls")]
    return _text(rows["guid"], "\t", rows["md5"], "\t", rows["size"], "\t", lists[0], f"\t{acl}\t", lists[1])


def _gen3(rows: pa.RecordBatch, _: About) -> pa.Array:
    """Give an entry of the manifest that the client of a Gen3 commons downloads by."""
    quoted = [_text(f' "{name}": "', rows[column], '",') for name, column in (("md5sum", "md5"), ("file_name", "key"))]
    return _text('{"object_id": "', rows["guid"], '",', *quoted, ' "file_size": ', rows["size"], "}")


_INDEXD: Final = ("guid", "md5", "size", "authz", "acl", "urls")
_ALWAYS: Final = (
    Form(CHECKSUMS, ("sha256", "key"), _checksums),
    Form(
        "manifests/gen3_indexd.tsv",
        tuple(name for name in _INDEXD if name != "acl"),
        _indexd,
        head="\t".join(_INDEXD) + "\n",
    ),
    Form(
        "manifests/gen3_manifest.json",
        ("guid", "md5", "key", "size"),
        _gen3,
        head="[\n",
        between=",\n",
        tail="\n]\n",
    ),
)
_OF_BUCKET: Final = (Form(S5CMD, ("key",), _s5cmd),)
_OF_WEB: Final = (
    Form("manifests/aria2.txt", ("key", "sha256"), _aria2),
    Form("manifests/curl.txt", ("key",), _curl, head="create-dirs\nfail\nparallel\n"),
)
_FETCH: Final = Form(f"{BAG}fetch.txt", ("key", "size"), _fetch)


def _bag_info(instances: Rows, about: About) -> str:
    """Give the facts that a bag tells of itself (RFC 8493, section 2.2.2); no date, so that it stays the same."""
    facts = {
        "Source-Organization": about.publisher,
        "External-Description": about.title,
        "External-Identifier": about.doi or f"{about.collection}/{about.release_version}",
        "Bag-Group-Identifier": about.collection,
        "Payload-Oxum": f"{bytes_of(instances)}.{instances.num_rows}",
    }
    return "".join(f"{label}: {value}\n" for label, value in facts.items() if value)


def json_bytes(content: object) -> bytes:
    """Give the one form in which the release writes JSON; keys keep their order."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
