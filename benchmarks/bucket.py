"""From bucket to bucket: the road of a shard beside the same de-identification with the barest S3 client.

``python benchmarks/bucket.py [--quick] [--json]``. Both read CT slices from the embedded object store and write the
results to it, over HTTP and over TLS, in this one process and in turns; what counts is the CPU time of this process.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bare_s3 import BareS3
from corpus import Shape, write_corpus
from scratch import scratch

from config.deid import load_profile
from config.keys import KeyRing
from config.settings import S3Options, Settings
from config.site import Site
from flows import object_store
from tasks.context import BatchContext
from tasks.deidentify.instance import InstancePolicy
from tasks.deidentify.roads import deidentify_object
from tasks.deidentify.shard import deidentify_shard
from tasks.intake.plan import plan_batch
from tasks.layout import MARKER
from tasks.store.opening import open_store

SITE, BATCH = "s01", "b1"
RING = KeyRing(1, {1: hashlib.sha256(b"benchmark").digest()})  # nothing real is under this key
FULL, QUICK = Shape(ct_patients=4, slices=30, dx_patients=0), Shape(ct_patients=2, slices=10, dx_patients=0)


def uploaded(shape: Shape, folder: Path, options: S3Options) -> list[str]:
    """Upload a batch and give the keys of its objects."""
    corpus, raw = write_corpus(folder, shape), open_store("s3://raw", options)
    keys = [f"{SITE}/{BATCH}/{name}" for name in corpus.ct]
    for key, name in zip(keys, corpus.ct, strict=True):
        raw.create(key, (folder / name).read_bytes())
    raw.create(f"{SITE}/{BATCH}/{MARKER}", b"")
    return keys


def context_of(options: S3Options, work: str) -> BatchContext:
    """Give the batch, with a part of the work bucket of its own."""
    raw = open_store("s3://raw", options)
    settings = Settings(s3=options)
    return BatchContext(
        Site(code=SITE), BATCH, settings, load_profile(), RING, raw, open_store(f"s3://work/{work}", options)
    )


def floor_seconds(client: BareS3, keys: list[str], policy: InstancePolicy, work: str) -> float:
    """Give the CPU seconds of get, de-identify, hash and put."""
    before = time.process_time()
    for key in keys:
        content = deidentify_object(client.get("raw", key), policy).content or b""
        digest = hashlib.sha256(content).hexdigest()
        client.put("work", f"{work}/{digest}.dcm", content, digest)
    return time.process_time() - before


def road_seconds(context: BatchContext) -> float:
    """Give the CPU seconds of the shards of a batch; planning it is not counted."""
    plan = plan_batch(context)
    before = time.process_time()
    for shard in plan.shards:
        deidentify_shard(shard, context)
    return time.process_time() - before


@contextmanager
def tls_before(endpoint: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the address of TLS before a server, and the certificate to trust."""
    key, certificate = folder / "tls.key", folder / "tls.pem"
    request = [str(shutil.which("openssl")), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *named], check=True, capture_output=True)
    front = [sys.executable, str(Path(__file__).with_name("tls_front.py")), str(certificate), str(key)]
    behind = str(urlsplit(endpoint).port)
    with subprocess.Popen([*front, behind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"https://127.0.0.1:{process.stdout.readline().strip() if process.stdout else ''}", certificate
        finally:
            process.terminate()


def compared(options: S3Options, keys: list[str], rounds: int, name: str) -> tuple[float, float]:
    """Give the CPU milliseconds per slice of the floor and of the road, each the best of its rounds."""
    policy = InstancePolicy(context_of(options, name).pseudonymizer, load_profile())
    client = BareS3(str(options.endpoint_url), Path(str(options.credentials_file)), options.ca_bundle)
    runs: list[Callable[[str], float]] = [
        lambda work: floor_seconds(client, keys, policy, work),
        lambda work: road_seconds(context_of(options, work)),
    ]
    floor_seconds(client, keys[:1], policy, f"{name}-warm")
    taken = [[run(f"{name}-{kind}-{number}") for kind, run in enumerate(runs)] for number in range(rounds)]
    floor, road = (min(times) * 1000 / len(keys) for times in zip(*taken, strict=True))
    return floor, road


def main() -> None:
    """Measure and report; the last line printed is the JSON object of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer slices, fewer rounds")
    parser.add_argument("--json", action="store_true", help="print the figures only")
    words = parser.parse_args()
    rounds = 2 if words.quick else 5
    with scratch("bucket") as folder:
        store = object_store.start(folder / "store")
        try:
            keys = uploaded(QUICK if words.quick else FULL, folder / "corpus", store.options)
            plain = compared(store.options, keys, rounds, "plain")
            with tls_before(store.endpoint_url, folder) as (address, certificate):
                secure = store.options.model_copy(update={"endpoint_url": address, "ca_bundle": certificate})
                tls = compared(secure, keys, rounds, "tls")
        finally:
            store.stop()
    for name, (floor, road) in {"HTTP": plain, "TLS": tls}.items() if not words.json else ():
        print(f"{name:5} floor {floor:7.2f} ms  road {road:7.2f} ms per CT slice")
    figures = {"bucket_to_bucket_vs_floor": plain, "bucket_to_bucket_tls_vs_floor": tls}
    print(json.dumps({name: round(road / floor, 3) for name, (floor, road) in figures.items()}))


if __name__ == "__main__":
    main()
