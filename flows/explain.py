"""Where a cell of a canonical table comes from in each batch that has it: what lineage says, and what holds its row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.errors import ConfigError
from config.lineage import Origin, origins
from config.rules import data_rules, next_steps
from expectations.schemas.catalog import BATCH
from expectations.schemas.lineage import EVERY_ROW
from flows.ledger import accepted_run
from tasks.errors import MissingKeyError, VerificationError
from tasks.layout import BatchLayout
from tasks.store import ReadOnlyStore
from tasks.store.parquet import find_rows

EXPLAINED = tuple(dict.fromkeys(table for table, _ in origins()))
BATCHES = "batches/"
_COUNTED = {"imaging_series": "n_instances", "imaging_study": "n_instances"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that somebody asks about: table, key of the row, and column."""

    table: str
    key: str
    column: str

    @property
    def origin(self) -> Origin:
        """Where cells of its column come from."""
        return origins()[self.table, self.column]


@dataclass(frozen=True, slots=True)
class Explained:
    """A cell in one accepted run: its row, what the lineage says of it, and the rules that hold the row.

    `actions` are counts of what de-identification did in the batch, by attribute.
    """

    site: str
    batch: str
    run: str
    cell: Cell
    row: dict[str, Any]
    lineage: dict[str, Any]
    held: tuple[str, ...] = ()
    actions: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def layout(self) -> BatchLayout:
        """The work keys of the batch."""
        return BatchLayout(self.site, self.batch)

    def as_dict(self) -> dict[str, Any]:
        """Give the answer as words and values, without what does not apply."""
        origin, told = self.cell.origin, self.lineage
        is_cell = told["entity_id"] != EVERY_ROW
        answer = {
            "batch": f"{self.site}/{self.batch}",
            "run": self.run,
            "cell": f"{self.cell.table}.{self.cell.column}",
            "value": self.row[self.cell.column],
            "null means": null_meaning(self.cell) if self.row[self.cell.column] is None else None,
            "mapping": told["mapping_id"],
            "mapping version": told["mapping_version"],
            "how": "mapped from one source cell" if is_cell and told["raw_digest"] else origin.meaning,
            "rule": told["rule_id"],
            "what the rule asks": data_rules()[told["rule_id"]].rule if told["rule_id"] else None,
            **{name.replace("_", " "): told[name] for name in _SOURCE if is_cell},
            "inputs": list(self._inputs()) or None,
            "instances": self.row.get(_COUNTED.get(self.cell.table, "")) if told["deid_actions"] else None,
            "held by": [f"{rule}: {data_rules()[rule].rule}; {next_steps()[rule]}" for rule in self.held] or None,
        }
        return {name: value for name, value in answer.items() if value is not None or name == "value"}

    def _inputs(self) -> Iterator[str]:
        """Give the inputs of a whole column: values of the same row, and attributes with what was done to them."""
        actions = iter(self.lineage["deid_actions"] or ())
        for name in self.lineage["inputs"] or ():
            table, _, column = name.partition(".")
            if name.startswith("("):
                done = ", ".join(f"{action} {count} times" for action, count in self.actions.get(name, {}).items())
                yield f"{name}, action {next(actions)}" + (f"; in this batch {done}" if done else "")
            elif table == self.cell.table and column in self.row:
                yield f"{name} = {self.row[column]}"
            else:
                yield name


_SOURCE = ("source_file", "row_number", "source_column", "source_row", "raw_digest", "missing_reason")


def explain(work: ReadOnlyStore, cell: Cell, site: str | None, batch: str | None) -> list[Explained]:
    """Explain a cell in every accepted run that holds its row.

    Parameters
    ----------
    site, batch
        Where to look; everywhere where they are not named.

    Raises
    ------
    ConfigError
        If there is no such table or column.
    MissingKeyError
        If no accepted run has a row of this key.
    """
    require_column(cell)
    places = list(_places(work, site, batch))
    found = [made for place in places if (made := _in_run(work, cell, place)) is not None]
    if not found:
        raise MissingKeyError(
            f"no row of {cell.table} has this {BATCH[cell.table].key[0]} in {len(places)} accepted batches",
            next_step="check the key, or whether the batch was accepted: `curate batch` says it",
        )
    return found


def require_column(cell: Cell) -> None:
    """Require that there are such a table and column.

    Raises
    ------
    ConfigError
        If not; it names those that there are.
    """
    if cell.table not in EXPLAINED:
        raise ConfigError("there is no canonical table of this name", next_step=f"name one of {', '.join(EXPLAINED)}")
    columns = BATCH[cell.table].schema.names
    if cell.column not in columns:
        raise ConfigError(f"{cell.table} has no column of this name", next_step=f"name one of {', '.join(columns)}")


def null_meaning(cell: Cell) -> str:
    """Give what null means in a column."""
    described = BATCH[cell.table].schema.field(cell.column).metadata
    return str(described.get(b"null", b"never null").decode())


def _places(work: ReadOnlyStore, site: str | None, batch: str | None) -> Iterator[tuple[str, str, str]]:
    """Give site, batch and run of the accepted runs to look at; a batch that is named must have one."""
    if site and batch:
        yield site, batch, accepted_run(work, site, batch)
        return
    for one in [site] if site else sorted(work.folders(BATCHES)):
        for name in [batch] if batch else sorted(work.folders(f"{BATCHES}{one}/")):
            if work.head(BatchLayout(one, name).current) is not None:
                yield one, name, accepted_run(work, one, name)


def _in_run(work: ReadOnlyStore, cell: Cell, place: tuple[str, str, str]) -> Explained | None:
    site, batch, run = place
    layout = BatchLayout(site, batch)

    def rows(name: str, **wanted: Sequence[str]) -> list[dict[str, Any]]:
        content = work.read_versioned(layout.run(run, f"{name}.parquet"))
        return find_rows(content[0], wanted).to_pylist() if content else []

    found = rows(f"harmonized/{cell.table}", **{BATCH[cell.table].key[0]: [cell.key]})
    if not found:
        return None
    told = rows("harmonized/lineage", entity=[cell.table], field=[cell.column], entity_id=[cell.key, EVERY_ROW])
    told.sort(key=lambda row: row["entity_id"] == EVERY_ROW)
    if not told:
        raise VerificationError(
            f"the lineage of {site}/{batch} does not know {cell.table}.{cell.column}",
            next_step="it was made by an older version: run the batch again",
        )
    actions: dict[str, dict[str, int]] = {}
    for row in rows("actions", place=[name for name in cell.origin.inputs if name.startswith("(")] or [""]):
        actions.setdefault(row["place"], {})[row["action"]] = row["count"]
    held = {row["rule_id"] for row in rows("harmonized/holds", table=[cell.table], key=[cell.key])}
    for row in rows(f"held/{cell.table}", **{BATCH[cell.table].key[0]: [cell.key]}):
        held.update(row["rule_ids"])
    return Explained(site, batch, run, cell, found[0], told[0], tuple(sorted(held)), actions)
