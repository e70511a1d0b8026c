"""Every key that the pipeline writes, in one place; keys are made of our own names and digests only."""

from dataclasses import dataclass

CURRENT = "current.json"
MARKER = "_COMPLETE"
LATE = "late/"
HIDDEN = "withdrawn/"  # withdrawn objects that the policy keeps; a bucket policy denies it to readers
STAGED = "staged/"  # releases that wait for a person's decision
WITHDRAWN = "private/withdrawn.parquet"  # what was withdrawn and stays out of every release
PARTITIONS = "private/partitions.parquet"  # which subject is in which part of releases, for good
BATCH_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # a batch names folders of ours, so it is as plain as they are


def raw_prefix(site: str, batch: str) -> str:
    """Give the prefix under which a contributor lays one batch in the raw bucket."""
    return f"{site}/{batch}/"


def object_key(sha256: str) -> str:
    """Give the work key of a de-identified instance with this hexadecimal digest."""
    return f"objects/{sha256[:2]}/{sha256}.dcm"


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """Work keys of one batch."""

    site: str
    batch: str

    @property
    def root(self) -> str:
        """Prefix of all that is not private."""
        return f"batches/{self.site}/{self.batch}/"

    @property
    def private_root(self) -> str:
        """Prefix of what can identify a person: source keys, needles, values for review."""
        return f"private/{self.root}"

    @property
    def current(self) -> str:
        """The pointer to the run that counts."""
        return f"{self.root}{CURRENT}"

    def plan(self, shard: str) -> str:
        """Give the private Parquet file that lists a shard's raw objects."""
        return f"{self.private_root}plan/{shard}.parquet"

    def plan_of_tables(self, run: str) -> str:
        """Give the private Parquet file that lists the clinical tables which a run reads."""
        return f"{self.private_root}plan/tables-{run}.parquet"

    def shard(self, shard: str, name: str) -> str:
        """Give a file of a shard's result, such as ``ledger.parquet``."""
        return f"{self.root}shards/{shard}/{name}"

    def private_shard(self, shard: str, name: str) -> str:
        """Give a private file of a shard's result, such as ``sources.parquet``."""
        return f"{self.private_root}shards/{shard}/{name}"

    def run(self, run: str, name: str) -> str:
        """Give a file of one run, such as ``ledger.parquet`` or ``tables/subject.parquet``."""
        return f"{self.root}{run}/{name}"

    def late(self, run: str) -> str:
        """Give the prefix of what was found late, in objects of any batch, when a run met the others of its subjects.

        The rest of the key is the digest of the runs that it met.
        """
        return f"{LATE}{self.site}/{self.batch}/{run}-"

    def private_run(self, run: str, name: str) -> str:
        """Give a private file of one run."""
        return f"{self.private_root}{run}/{name}"


def intake_shard(run: str) -> str:
    """Give the name under which intake leaves its own ledger rows of a run, as if it were a shard."""
    return f"intake-{run}"


def release_key(version: str, name: str) -> str:
    """Give the key of a file of one release, such as ``_COMMIT.json``."""
    return f"releases/{version}/{name}"


def series_folder(series_uuid: str) -> str:
    """Give the prefix of the public keys of one series."""
    return f"data/{series_uuid}/"


def data_key(series_uuid: str, instance_uuid: str) -> str:
    """Give the public key of one released instance."""
    return f"{series_folder(series_uuid)}{instance_uuid}.dcm"


def tombstone_key(instance_uuid: str) -> str:
    """Give the public key of the note that stands for one withdrawn instance."""
    return f"tombstones/{instance_uuid}.json"


def hidden_key(key: str) -> str:
    """Give the key in the same store under which a withdrawn object is kept, out of its readers' reach."""
    return f"{HIDDEN}{key}"


def disclosure_key(version: str, root_digest: str) -> str:
    """Give the private key of the record of what a release coarsened; a release of other content has another."""
    return f"private/releases/{version}/{root_digest[:16]}/disclosure.parquet"


def staged_key(version: str, root_digest: str, name: str) -> str:
    """Give the work key under which a file of a release waits for a person's decision."""
    return f"{STAGED}{version}/{root_digest[:16]}/{name}"


def decision_key(version: str, root_digest: str, sha256: str) -> str:
    """Give the private key of one decision about a release, named by the digest of who decided what and why."""
    return f"private/releases/{version}/{root_digest[:16]}/decisions/{sha256[:16]}.json"


def release_report_key(version: str, digest: str, name: str) -> str:
    """Give the work key of a page about what was checked of a release; `digest` is that of all that the pages say."""
    return f"releases/{version}/report/{digest}/{name}"
