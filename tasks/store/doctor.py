"""Proof, on the real store, that what the pipeline relies on holds there; four of eight servers tried fail silently."""

import base64
import email.utils
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import KeyExistsError, StaleVersionError, StoreError
from tasks.model import StoredChecksum
from tasks.store.content import byte_order, sha256_of
from tasks.store.protocol import Store
from tasks.store.s3 import S3Store
from tasks.store.s3_client import patiently

PROBES = "doctor/probe/"
NAMES = ("once", "swap", "copy", "digest", "damaged", "parts")
AWKWARD = ("order/1.2.3/x", "order/1.2.3.4/x", "order/a b+c", "order/ä", "order/z")
SKEW_SECONDS_MAX = 300  # AWS refuses 900; a clock that is off by five minutes is going to get there
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

NOT_ENFORCED = "conditional writes are not enforced"
UNUSABLE = "publish nothing here; use AWS S3, SeaweedFS or another server that honours If-Match and If-None-Match"
NO_CHECKSUMS = "set checksum = none if this server is to be used: copies are then verified by reading them back"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a store must do: whether it does, what was seen, and what to do if it does not."""

    name: str
    ok: bool
    detail: str
    next_step: str = ""


def examine(store: Store, *, writable: bool = True) -> list[Check]:
    """Examine a store by writing under ``doctor/probe/``, which is emptied before and after.

    Parameters
    ----------
    writable
        Whether the pipeline writes here; where it does not, nothing is written.

    Returns
    -------
    list of Check
        In order of examination; only the first if the store cannot be reached.
    """
    reachable = _guarded(_reachable, store)
    if not reachable.ok:
        return [reachable]
    probes = [*(S3_CONNECTION if isinstance(store, S3Store) else ()), *(WRITING if writable else ())]
    if writable and isinstance(store, S3Store):
        probes += S3_WRITING
    if not writable:
        return [reachable, *(_guarded(probe, store) for probe in probes)]
    _clean(store)
    return [reachable, *(_guarded(probe, store) for probe in probes), _clean(store)]


def _guarded(probe: Callable[..., Check], store: Store) -> Check:
    """Run one probe; an error of the store is its answer."""
    try:
        check = probe(store)
    except StoreError as problem:
        name = probe.__name__.strip("_").replace("_", " ")
        return Check(name, ok=False, detail=problem.message, next_step=problem.next_step)
    return replace(check, next_step="") if check.ok else check


def _reachable(store: Store) -> Check:
    first = next(iter(store.list(PROBES)), None)
    return Check("reachable", ok=True, detail="probe objects of an earlier examination" if first else "yes")


def _clock(store: S3Store) -> Check:
    answer = patiently(lambda: store.client.head_bucket(**store.owner), place=store.place)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    theirs = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
    skew = abs(theirs - time.time())
    step = "set the clock of this machine or of the server (timedatectl set-ntp true)"
    return Check("clock", ok=skew < SKEW_SECONDS_MAX, detail=f"{skew:.0f} s apart", next_step=step)


def _encrypted_connection(store: S3Store) -> Check:
    address = urlsplit(store.client.meta.endpoint_url)
    local = address.hostname in LOOPBACK
    return Check(
        "encrypted connection",
        ok=address.scheme == "https" or local,
        detail="loopback" if local else address.scheme,
        next_step="give an https endpoint_url, with ca_bundle for a private authority",
    )


def _create_once(store: Store) -> Check:
    key = f"{PROBES}once"
    store.create(key, b"first")
    with suppress(KeyExistsError):
        store.create(key, b"second")
    kept = store.read(key) == b"first"
    return Check("create once", ok=kept, detail="enforced" if kept else NOT_ENFORCED, next_step=UNUSABLE)


def _swap(store: Store) -> Check:
    key = f"{PROBES}swap"
    found = store.read_versioned(key)
    token = store.swap(key, b"one", expected=found[1] if found else None)
    try:
        store.swap(key, b"two", expected=token)
    except StaleVersionError:
        return Check("swap", ok=False, detail="a swap of the current version is refused", next_step=UNUSABLE)
    return Check("swap", ok=store.read(key) == b"two", detail="works", next_step=UNUSABLE)


def _stale_swap(store: Store) -> Check:
    key = f"{PROBES}swap"
    found = store.read_versioned(key)
    old = store.swap(key, b"three", expected=found[1] if found else None)
    store.swap(key, b"four", expected=old)
    with suppress(StaleVersionError):
        store.swap(key, b"five", expected=old)
    kept = store.read(key) == b"four"
    return Check("stale swap", ok=kept, detail="refused" if kept else NOT_ENFORCED, next_step=UNUSABLE)


def _copy(store: Store) -> Check:
    source, key = f"{PROBES}once", f"{PROBES}copy"
    content = store.read(source)
    store.copy_from(store, source, key, sha256=sha256_of(content))
    return Check("copy", ok=store.read(key) == content, detail="works", next_step=UNUSABLE)


def _list_order(store: Store) -> Check:
    for name in AWKWARD:
        store.create(f"{PROBES}{name}", b"")
    listed = [item.key for item in store.list(f"{PROBES}order/")]
    expected = sorted((f"{PROBES}{name}" for name in AWKWARD), key=byte_order)
    return Check(
        "list order",
        ok=listed == expected,
        detail=f"{len(listed)} of {len(expected)} keys as written",
        next_step="this server changes keys; use another",
    )


def _stored_checksum(store: S3Store) -> Check:
    name = "stored checksum"
    if not store.has_checksums:
        return Check(name, ok=True, detail="not asked for: content is read back instead")
    content = b"content"
    store.create(f"{PROBES}digest", content)
    ok = store.stored_checksum(f"{PROBES}digest") == StoredChecksum("sha256", sha256_of(content))
    return Check(name, ok=ok, detail="given" if ok else "not given", next_step=NO_CHECKSUMS)


def _wrong_checksum(store: S3Store) -> Check:
    name = "wrong checksum"
    if not store.has_checksums:
        return Check(name, ok=True, detail="not sent")
    key = f"{PROBES}damaged"
    announced = base64.b64encode(hashlib.sha256(b"as it was sent").digest()).decode()
    with suppress(ClientError, BotoCoreError):
        store.client.put_object(**store.target(key), Body=b"damaged on its way", ChecksumSHA256=announced)
    refused = store.head(key) is None
    return Check(name, ok=refused, detail="refused" if refused else "accepted", next_step=NO_CHECKSUMS)


def _copy_on_server(store: S3Store) -> Check:
    source, key = f"{PROBES}once", f"{PROBES}copy"
    store.create(source, b"first")
    store.delete(key)
    copied = store.copied_on_server(store, source, key)
    return Check(
        "copy on server",
        ok=copied,
        detail="works" if copied else "refused: content passes through this machine",
        next_step="allow CopyObject; without it publishing takes longer, and is as safe",
    )


def _create_once_in_parts(store: S3Store) -> Check:
    key = f"{PROBES}parts"
    store.create(key, b"first")
    store.upload(key).create(BytesIO(b"second"), 6)
    kept = store.read(key) == b"first"
    return Check("create once in parts", ok=kept, detail="enforced" if kept else NOT_ENFORCED, next_step=UNUSABLE)


def _clean(store: Store) -> Check:
    """Remove the probes; a bucket that forbids removal keeps them, which harms nothing."""
    try:
        for name in (*NAMES, *AWKWARD):
            store.delete(f"{PROBES}{name}")
    except StoreError:
        return Check(
            "clean up", ok=True, detail=f"removal is not allowed here: {PROBES} keeps {len(NAMES)} small objects"
        )
    return Check("clean up", ok=True, detail="nothing is left")


S3_CONNECTION = (_clock, _encrypted_connection)
WRITING = (_create_once, _swap, _stale_swap, _copy, _list_order)
S3_WRITING = (_stored_checksum, _wrong_checksum, _copy_on_server, _create_once_in_parts)
