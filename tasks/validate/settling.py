"""What a decision makes of a batch's files: accepted rows, held rows, and the last word of the ledger; row by row.

Of held rows only keys and rules are outside the private part. No table is in memory as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from expectations.schemas.catalog import BATCH
from expectations.schemas.pipeline import LEDGER
from tasks.context import BatchContext
from tasks.errors import AccountingError
from tasks.store.files import create_from
from tasks.store.parquet import count_rows, read_batches, write_batches
from tasks.validate.database import ROW
from tasks.validate.decide import RULES
from tasks.validate.ledger import final_ledger


@dataclass(frozen=True, slots=True)
class Accepting:
    """The run whose files are written, and a folder for those that are being made."""

    context: BatchContext
    run: str
    folder: Path

    def key(self, name: str) -> str:
        """Give the key of a file of the run."""
        return self.context.layout.run(self.run, name)

    def private_key(self, name: str) -> str:
        """Give the key of a private file of the run."""
        return self.context.layout.private_run(self.run, name)

    def write(self, key: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> int:
        """Write rows under a key; give their number."""
        path = self.folder / "written"
        count = write_batches(batches, schema, path)
        create_from(self.context.work, key, path)
        path.unlink()
        return count


def accept_table(accepting: Accepting, name: str, path: Path, held: pa.Table) -> None:
    """Write the accepted rows of a table, and the held ones with their rules.

    Parameters
    ----------
    path
        The table; if nothing of it is held it is accepted as it is.
    held
        The held rows of a decision.

    Raises
    ------
    AccountingError
        If they are not all rows.
    """
    schema = BATCH[name].schema
    whole = schema.append(RULES)
    named = pa.schema([*(schema.field(column) for column in BATCH[name].key), RULES])
    rows, accepted = count_rows(path), accepting.key(f"tables/{name}.parquet")
    if len(held):
        kept = accepting.write(accepted, _accepted(path, held), schema)
    else:
        kept = rows
        create_from(accepting.context.work, accepted, path)
    apart = accepting.write(accepting.key(f"held/{name}.parquet"), _held(path, held, named), named)
    accepting.write(accepting.private_key(f"held/{name}.parquet"), _held(path, held, whole), whole)
    if kept + apart != rows or apart != len(held):
        raise AccountingError(f"{name}: {rows} rows came in, {kept} are accepted and {apart} held")


def accept_ledger(accepting: Accepting, ledger: Path, instances: Path, held: pa.Table) -> None:
    """Write the final ledger: candidates whose row of imaging_instance is held are held."""
    schema = pa.schema([BATCH["imaging_instance"].schema.field("sop_uid"), RULES])
    uids = [batch.column("sop_uid") for batch in _held(instances, held, schema)]
    held_uids = pa.chunked_array(uids, pa.string()).combine_chunks()
    rows = (
        batch
        for settled in read_batches(ledger)
        for batch in final_ledger(pa.Table.from_batches([settled]), held_uids).to_batches()
    )
    accepting.write(accepting.key("ledger.parquet"), rows, LEDGER.schema)


def _accepted(path: Path, held: pa.Table) -> Iterator[pa.RecordBatch]:
    for batch, places, _ in _with_held(path, held):
        mask = np.ones(len(batch), dtype=np.bool_)
        mask[places] = False
        yield batch.filter(pa.array(mask))


def _held(path: Path, held: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch, places, rules in _with_held(path, held) if len(held) else ():
        rows = batch.take(pa.array(places))
        columns = [rules if name == RULES.name else rows.column(name) for name in schema.names]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _with_held(path: Path, held: pa.Table) -> Iterator[tuple[pa.RecordBatch, np.ndarray, pa.Array]]:
    """Give the rows some at a time, with the places of the held ones among them and the rules of these."""
    rows = held[ROW].to_numpy()
    start = 0
    for batch in read_batches(path):
        first, last = np.searchsorted(rows, [start, start + len(batch)])
        rules = held[RULES.name].slice(first, last - first).combine_chunks()
        yield batch, rows[first:last] - start, rules
        start += len(batch)
