import hashlib
from pathlib import Path

import pyarrow as pa

from tasks.release.rows import OnDisk
from tasks.release.staging import Staging, digest_of
from tasks.store.parquet import ROWS_PER_GROUP, write_table


def test_a_file_in_pieces_is_known_by_size_and_digest(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "2026.11")
    file = staging.add("manifests/a.txt", iter([b"one", b"", b"two"]))
    assert (file.key, file.size_bytes) == ("releases/2026.11/manifests/a.txt", 6)
    assert file.sha256 == hashlib.sha256(b"onetwo").hexdigest() == digest_of([b"on", b"etwo"])
    assert staging.path(file.key).read_bytes() == b"onetwo"


def test_a_table_has_the_bytes_that_it_has_when_written_at_once(tmp_path: Path) -> None:
    chunks = [pa.table({"n": pa.array(range(start, start + 70_000))}) for start in range(0, 280_000, 70_000)]
    table = pa.concat_tables(chunks)
    assert table.num_rows > 2 * ROWS_PER_GROUP
    staging = Staging(tmp_path, "1.0.0")
    file = staging.add_table("tables/n.parquet", table)
    assert staging.path(file.key).read_bytes() == write_table(table)


def test_files_are_given_in_the_order_of_their_keys(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "1.0.0")
    for name in ("b", "c", "a"):
        staging.add(name, [name.encode()])
    keys = [file.key for file in staging.files]
    assert keys == [f"releases/1.0.0/{name}" for name in "abc"]


def test_a_table_that_lies_at_its_place_is_not_written_again(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "1.0.0")
    path = staging.place("tables/n.parquet")
    path.write_bytes(write_table(pa.table({"n": [1]})))
    before = path.stat()
    file = staging.add_table("tables/n.parquet", OnDisk((path,)))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
