"""The source cells behind records, without their text: where each stood, what was applied, and a keyed digest.

A digest is HMAC-SHA-256 under the key ring, salted by subject and field, so that equal cells of two people differ and
nobody without the key can try values. The engine that makes millions has SHA-256 only; it is given the two blocks of
the HMAC (`tasks.identity.source_blocks`) and the text in one projection, and keeps neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from config.fields import KINDS, Form
from config.site_tables import SiteTable
from config.version import VERSION
from tasks.harmonize.query import query
from tasks.harmonize.records import Extraction
from tasks.identity import Pseudonymizer

CONSTANT = "constant:site"  # the mapping of a value that the site file gives to every row of a file
CELL = "cell"
ROW = "row"
SourceColumns = dict[tuple[str, int, int, str], int]  # places by kind, file, slot and attribute; the first is 1
_DIGEST = pa.binary(16)
POINTS = pa.schema([("trace", pa.int32()), ("row", pa.int32()), ("raw_digest", _DIGEST)])
TRACES = pa.schema(
    [
        ("trace", pa.int32()),
        ("kind", pa.string()),
        ("attribute", pa.string()),
        ("file", pa.int32()),
        ("slot", pa.int32()),
        ("source_column", pa.int32()),
        ("mapping_id", pa.string()),
        ("mapping_version", pa.string()),
        ("rule_id", pa.string()),
        ("missing_reason", pa.string()),
    ]
)
_SAME = ("kind", "file", "slot", "field", "header", "mapping", "version", "rule", "missing")
_SEALED = """
SELECT trace, row, unhex(substr(sha256(outer_block || unhex(sha256(inner_block || encode(
       concat_ws(chr(31), word, subject_id, name, raw))))), 1, 32)) AS raw_digest
FROM cells, told
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """The traces of a batch: `points` are rows with their digests, `traces` what the points of a number share."""

    points: list[pa.Table] = field(default_factory=list)
    traces: list[dict[str, object]] = field(default_factory=list)

    def tables(self) -> dict[str, pa.Table]:
        """Give points and traces as tables."""
        return {"points": pa.concat_tables([POINTS.empty_table(), *self.points]), "traces": self._shared()}

    def _shared(self) -> pa.Table:
        return pa.Table.from_pylist(self.traces, schema=TRACES)

    def source_columns(self) -> SourceColumns:
        """Give the place of the source column of every kind, file, slot and attribute that a cell tells."""
        names = ("kind", "file", "slot", "attribute", "source_column")
        found = self._shared()
        return {
            tuple(key): place for *key, place in zip(*(found[name].to_pylist() for name in names), strict=True) if place
        }

    def add(self, file: Extraction, table: SiteTable, people: Pseudonymizer) -> None:
        """Add what one file's records came from.

        Parameters
        ----------
        table
            What the site declared about the file; a `source_column` is a place in its columns, the first is 1.
        """
        places = {header: place for place, header in enumerate(table.columns, start=1)}
        for cells in file.cells:
            for same, alike in _alike(cells):
                trace = self._number(same, places.get(str(same["header"])), _applied(same))
                self.points.append(_sealed(alike, trace, f"{same['kind']}.{same['field']}", people))
        for kind, attribute in (name.split(".", 1) for name in table.constant):
            for records in file.records.get(kind, ()):
                self._add_constant(records, kind, attribute, file.cells)

    def _number(self, same: Mapping[str, object], column: int | None, applied: tuple[str | None, str | None]) -> int:
        """Note what some points share, and give it a number."""
        row = {"trace": len(self.traces), "kind": same["kind"], "attribute": same["field"], "file": same["file"]}
        row |= {"slot": same["slot"], "source_column": column, "rule_id": same.get("rule")}
        row["missing_reason"] = same.get("missing")
        self.traces.append(row | {"mapping_id": applied[0], "mapping_version": applied[1]})
        return len(self.traces) - 1

    def _add_constant(self, records: pa.Table, kind: str, attribute: str, cells: Sequence[pa.Table]) -> None:
        """Add the rows of one file, kind and slot that have a value by declaration, and no cell that tells another."""
        if not len(records):
            return
        same = {"kind": kind, "field": attribute} | {name: records[name][0].as_py() for name in ("file", "slot")}
        told = [one for one in cells if len(one) and all(one[name][0].as_py() == same[name] for name in same)]
        rows = records["row"]
        for one in told:
            rows = rows.filter(pc.invert(pc.is_in(rows, value_set=one["row"].combine_chunks())))
        trace = self._number(same, None, (CONSTANT, VERSION))
        columns = [pa.repeat(pa.scalar(trace, pa.int32()), len(rows)), rows, pa.nulls(len(rows), _DIGEST)]
        self.points.append(pa.Table.from_arrays(columns, schema=POINTS))


def raw_digest(people: Pseudonymizer, subject: str, name: str, raw: str) -> str:
    """Give the digest of one cell, as the lineage table has it.

    Parameters
    ----------
    name
        The field, such as ``test.result``.
    """
    return people.source(f"{CELL}\x1f{subject}\x1f{name}\x1f{raw}")


def told_blocks(people: Pseudonymizer, **more: object) -> pa.Table:
    """Give the blocks of the keyed digest as a table of one row, which statements multiply with; it is never written.

    Parameters
    ----------
    more
        Further columns.
    """
    inner, outer = people.source_blocks()
    return pa.table({"inner_block": pa.array([inner], pa.binary()), "outer_block": pa.array([outer], pa.binary())} | {
        name: [value] for name, value in more.items()
    })  # fmt: skip


def _alike(cells: pa.Table) -> Iterator[tuple[dict[str, object], pa.Table]]:
    """Give the parts of a table of cells that share all but row, subject and text."""
    for same in cells.select(_SAME).group_by(list(_SAME), use_threads=False).aggregate([]).to_pylist():
        mask = pa.scalar(value=True)
        for name, value in same.items():
            found = pc.is_null(cells[name]) if value is None else pc.fill_null(pc.equal(cells[name], value), False)  # noqa: FBT003 -- the fill value
            mask = pc.and_(mask, found)
        yield same, cells.filter(mask)


def _applied(same: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Name mapping and version of cells: the reader of their form where no code set or date form was applied."""
    kind, attribute = str(same["kind"]), str(same["field"])
    if same["mapping"]:
        return str(same["mapping"]), str(same["version"])
    form = KINDS[kind][attribute].form
    return (None, None) if form in {Form.CODE, Form.CODES} else (f"{form.value}:built-in", VERSION)


def _sealed(cells: pa.Table, trace: int, name: str, people: Pseudonymizer) -> pa.Table:
    told = told_blocks(people, word=CELL, name=name, trace=trace)
    return query(_SEALED, cells=cells.select(["subject_id", "row", "raw"]), told=told).cast(POINTS)
