"""Build, check and commit the release of `release_corpus` in a process of its own, and say what it took."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from release_corpus import content

from config.release import ReleasePolicy, load_release_policy
from config.settings import S3Options, Settings
from tasks.errors import MissingKeyError
from tasks.release.build import build_release
from tasks.release.model import ReleaseContext
from tasks.store import ReadOnlyStore, Store
from tasks.store.files import create_from, fetch
from tasks.store.local import LocalStore
from tasks.store.opening import open_store

KIBIBYTE = 1 << 10
DATA, OBJECTS = "data/", "objects/"


class Hollow:
    """A store whose images are known by their digests only: millions of objects would measure the disk.

    `copied` notes which were copied to it, and `numbers` tells which digest is whose.
    """

    def __init__(self, inner: Store, copied: Path, numbers: Path) -> None:
        self._inner, self._copied = inner, copied
        self._numbers, self._guard = numbers, threading.Lock()
        self._file = self._copied.open("a", encoding="ascii")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the store has
        return getattr(self._inner, name)

    def fetch(self, key: str, path: Path) -> None:
        """Write the content of a file to a local one."""
        fetch(self._inner, key, path)

    def create_from(self, key: str, path: Path) -> bool:
        """Create a file from a local one."""
        return create_from(self._inner, key, path)

    def copy_from(self, source: ReadOnlyStore, source_key: str, key: str, *, sha256: str) -> bool:  # noqa: ARG002 -- no object is read
        """Note that an object was copied."""
        with self._guard:
            self._file.write(f"{key} {sha256}\n")
        return True

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Give what was copied as if it lay here."""
        if prefix != DATA:
            yield from self._inner.sizes(prefix)
            return
        self._file.flush()
        size = len(content(0))
        with self._copied.open(encoding="ascii") as lines:
            yield from ((line.split(" ", 1)[0], size) for line in lines)

    def read(self, key: str) -> bytes:
        """Give the bytes of a file, or of an object that lies nowhere."""
        if key.startswith(OBJECTS):
            return self._content(Path(key).stem)
        if key.startswith(DATA):
            found = subprocess.run(
                ["/usr/bin/grep", "-m1", "-F", key, str(self._copied)], capture_output=True, text=True, check=True
            )
            return self._content(found.stdout.split()[1])
        return self._inner.read(key)

    def _content(self, sha256: str) -> bytes:
        statement = "SELECT object FROM read_parquet(?) WHERE sha256 = ?"
        with duckdb.connect() as database:
            found = database.execute(statement, [str(self._numbers), sha256]).fetchone()
        if found is None:
            raise MissingKeyError("there is no such object", next_step="make the corpus again")
        return content(found[0])


def peak_rss_mb() -> float:
    """Give the largest resident size of this process so far, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / KIBIBYTE


def main() -> None:
    """Release the batch in the folder that is named, under a version, to the release bucket of an object store."""
    folder, version, options = Path(sys.argv[1]), sys.argv[2], S3Options.model_validate_json(sys.argv[3])
    numbers = folder / "work/objects.parquet"
    work = Hollow(LocalStore(folder / "work"), folder / "work.copied", numbers)
    release = Hollow(open_store("s3://release", options), folder / "release.copied", numbers)
    usual = load_release_policy().model_dump()
    whole = {"partition": usual["partition"] | {"sequestered_percent": 0}, "disclosure": usual["disclosure"] | {"k": 1}}
    policy = ReleasePolicy(**usual | {"address": "s3://open-chest/collection"} | whole)
    started, computed = time.monotonic(), time.process_time()
    report = build_release(version, context=ReleaseContext(work, release, policy, Settings(processes=2)))
    figures = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - computed,
        "peak_rss_mb": peak_rss_mb(),
        **report.counts,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
