"""Real S3 servers for tests, children on loopback: SeaweedFS, which we ship, and MiniStack, shaped like AWS."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import S3Options
from flows import object_store
from flows.processes import LOOPBACK, answers, free_port, start_child, wait_until
from tasks.store.s3_client import client_of

BUCKETS = object_store.BUCKETS


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Options]:
    """Run SeaweedFS with the four buckets; data, keys and log lie in `folder`."""
    store = object_store.start(folder)
    try:
        yield store.options
    finally:
        store.stop()


@contextmanager
def ministack(folder: Path) -> Iterator[S3Options]:
    """Run MiniStack with the four buckets; its root pair is ``test`` and any secret."""
    folder.mkdir(parents=True, exist_ok=True)
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n", encoding="utf-8")
    port = free_port()
    settings = {
        "SERVICES": "s3",
        "AUTH": "true",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "data"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
    }
    child = start_child("ministack", [str(Path(sys.executable).with_name("ministack"))], folder=folder, env=settings)
    options = S3Options(
        endpoint_url=f"http://{LOOPBACK}:{port}",
        region="us-east-1",
        addressing_style="path",
        credentials_file=credentials,
    )
    try:
        wait_until(child, lambda: answers(str(options.endpoint_url)), seconds=60)
        for bucket in BUCKETS:
            client_of(options).create_bucket(Bucket=bucket)
        yield options
    finally:
        child.stop()
