"""From the rows of one file to records of each kind, under pseudonyms and shifted dates; the last place with cells."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from config.fields import EVENT_DETAIL, EVENT_KIND, EVENT_KINDS, IGNORED, KINDS, PATIENT_ID, Field, Form
from config.site import Site
from config.site_tables import Column, SiteTable
from config.vocab import fold, missing_reasons, missing_words
from tasks.harmonize.ages import map_ages
from tasks.harmonize.cells import MISSING, UNMAPPED, Decision, Mapped, decide_each
from tasks.harmonize.codes import map_codes
from tasks.harmonize.columns import Columns, columns_of
from tasks.harmonize.dates import map_dates
from tasks.harmonize.numbers import map_numbers
from tasks.harmonize.places import decide_country, decide_zip3
from tasks.harmonize.reading import RowProblem, SourceTable
from tasks.harmonize.terminology import decide_diagnosis, decide_drug, decide_loinc, decide_uid, decide_unit
from tasks.identity import Pseudonymizer

NO_PATIENT = "H-NO-PATIENT"
_UNEXPLAINED = Form.UID  # the real UID of a study: no canonical table has it
UNEXPLAINED_MISSING = "unknown"  # FHIR data-absent-reason of a column's own word for missing
_NO_ANSWERS = pa.array(["Not Reported", "not_reported"])
_UNITS = {"value", "dose"}  # attributes whose column can declare a unit
_TYPES = {Form.DATE: pa.date32(), Form.AGE: pa.int16(), Form.NUMBER: pa.float64()}
_DECIDERS: Mapping[Form, Callable[[str], Decision]] = {
    Form.ZIP: decide_zip3,
    Form.COUNTRY: decide_country,
    Form.LOINC: decide_loinc,
    Form.UID: decide_uid,
    Form.DIAGNOSIS: decide_diagnosis,
    Form.DRUG: decide_drug,
    Form.UNIT: decide_unit,
}
_ORIGIN = [("subject_id", pa.string()), ("file", pa.int32()), ("row", pa.int32()), ("slot", pa.int32())]
CELLS = pa.schema(
    [
        ("kind", pa.string()),
        *_ORIGIN,
        ("field", pa.string()),
        ("header", pa.string()),
        ("raw", pa.string()),
        ("mapping", pa.string()),
        ("version", pa.string()),
        ("rule", pa.string()),
        ("missing", pa.string()),
    ]
)


def record_schema(kind: str) -> pa.Schema:
    """Give the columns of the records of a kind: whose, from where, what, its unit, and the rule that holds it."""
    attributes = [(name, _TYPES.get(one.form, pa.string())) for name, one in KINDS[kind].items()]
    unit = [("declared_unit", pa.string())] if _UNITS & KINDS[kind].keys() else []
    return pa.schema([*_ORIGIN, *attributes, *unit, ("rule", pa.string())])


@dataclass(frozen=True, slots=True)
class Extraction:
    """What files gave: records by kind, their source values for lineage, and rows or columns of rows that gave none.

    A problem stands with the ordinal of its file; `ignored` counts rows of kinds that the site declares to be
    nothing of ours.
    """

    records: Mapping[str, list[pa.Table]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    cells: list[pa.Table] = field(default_factory=list)
    problems: list[tuple[int, RowProblem]] = field(default_factory=list)
    ignored: list[int] = field(default_factory=list)

    def of(self, kind: str) -> pa.Table:
        """Give all records of a kind."""
        return pa.concat_tables([record_schema(kind).empty_table(), *self.records[kind]])

    def all_cells(self) -> pa.Table:
        """Give all source values that lineage tells of."""
        return pa.concat_tables([CELLS.empty_table(), *self.cells])


@dataclass(frozen=True, slots=True)
class _File:
    """A file's rows that name a patient, and what is the same for all their records."""

    ordinal: int
    table: SiteTable
    site: Site
    whole: Mapping[str, pa.Array]
    cells: Mapping[str, pa.Array]
    rows: pa.Array
    subjects: pa.Array
    offsets: pa.Array

    def where(self, mask: pa.Array) -> "_File":
        """Give the file with the rows that the mask keeps."""
        cells = {header: cells.filter(mask) for header, cells in self.cells.items()}
        kept = (column.filter(mask) for column in (self.rows, self.subjects, self.offsets))
        return _File(self.ordinal, self.table, self.site, self.whole, cells, *kept)


def extract(
    source: SourceTable, ordinal: int, table: SiteTable, context: tuple[Site, Pseudonymizer, Mapping[str, pa.Array]]
) -> Extraction:
    """Map one file.

    Parameters
    ----------
    ordinal
        Number of the file in the batch.
    table
        What the site declared about it.
    context
        The site, the identity functions of its patients, and the distinct texts of the columns in all files of this
        table, where there are several: decisions are per column and site.
    """
    result = Extraction(problems=[(ordinal, problem) for problem in source.problems])
    if not len(source.rows):
        return result
    subjects, offsets = _patients(source, table, context[1])
    file = _File(
        ordinal, table, context[0], {**source.cells, **context[2]}, source.cells, source.rows, subjects, offsets
    )
    known = pc.is_valid(file.subjects)
    _report(result, file.where(pc.invert(known)), NO_PATIENT, _header_of(table, PATIENT_ID))
    for kind, chosen in _by_kind(file.where(known), result):
        told: set[str] = set()
        for slot, columns in sorted(columns_of(kind, table, chosen.cells).items()):
            _add_records(result, (kind, slot, told), chosen, columns)
    return result


def _header_of(table: SiteTable, name: str) -> str:
    return next(header for header, column in table.columns.items() if column.field == name)


def _report(result: Extraction, file: _File, rule: str, header: str) -> None:
    result.problems.extend((file.ordinal, RowProblem(row, rule, header)) for row in file.rows.to_pylist())


def _patients(source: SourceTable, table: SiteTable, people: Pseudonymizer) -> tuple[pa.Array, pa.Array]:
    """Give the pseudonym of each row's patient, null where none is named, and the offset of their dates."""
    header = _header_of(table, PATIENT_ID)
    missing = missing_words() | {fold(word) for word in table.columns[header].missing}

    def decide(text: str) -> Decision:
        return MISSING if fold(text) in missing else (people.subject(text), None)

    subjects = decide_each(source.cells[header], decide, pa.string()).values
    offsets = decide_each(subjects, lambda subject: (people.offset_days(subject), None), pa.int32()).values
    return subjects, offsets


def _by_kind(file: _File, result: Extraction) -> Iterator[tuple[str, _File]]:
    """Give the rows of each kind of record; every row can tell of its subject."""
    yield "subject", file
    if file.table.shape == "wide":
        yield from ((kind, file) for kind in EVENT_KINDS)
        return
    header = _header_of(file.table, EVENT_KIND)
    column = file.table.columns[header]
    kinds = map_codes(file.cells[header], column, column.kind, file.site.codes, file.whole[header])
    rules = pc.if_else(pc.is_null(kinds.values), pc.fill_null(kinds.rules, UNMAPPED), None)
    for rule in pc.drop_null(rules.unique()).to_pylist():
        _report(result, file.where(_equal(rules, rule)), rule, header)
    result.ignored.append(pc.sum(_equal(kinds.values, IGNORED), min_count=0).as_py())
    yield from ((kind, file.where(_equal(kinds.values, kind))) for kind in EVENT_KINDS)


def _equal(column: pa.Array, value: str) -> pa.Array:
    return pc.fill_null(pc.equal(column, value), pa.scalar(value=False))


def _add_records(result: Extraction, place: tuple[str, int, set[str]], file: _File, columns: Columns) -> None:
    """Add the records of one kind and slot, what explains them, and the cells that nobody can decide.

    `place` is kind, number of the record in its row, and the headers whose cells were reported with another record.
    """
    kind, slot, told = place
    mapped = {name: _map(file, header, KINDS[kind][name], column) for name, (header, column) in columns.items()}
    for name, (header, _) in columns.items():
        rules = mapped[name].rules
        for rule in pc.drop_null(rules.unique()).to_pylist() if header not in told else ():
            _report(result, file.where(_equal(rules, rule)), rule, header)
        told.add(header)
    records = _records(kind, slot, file, mapped, columns)
    present = _present(kind, mapped, len(file.rows), always=kind == "subject" or file.table.shape == "long")
    if kind == "measurement":
        unwanted = _equal(records["name"].combine_chunks(), IGNORED)
        result.ignored.append(pc.sum(unwanted, min_count=0).as_py())
        present = pc.and_not(present, unwanted)
    result.records[kind].append(records.filter(present))
    for name, (header, _) in columns.items():
        if KINDS[kind][name].form is not _UNEXPLAINED:
            cells = _cells((kind, slot, name), file, header, mapped[name])
            result.cells.append(cells.filter(pc.and_(present, _says(mapped[name], cells["missing"]))))


def _map(file: _File, header: str, kind: Field, column: Column) -> Mapped:
    cells, site = file.cells[header], file.site
    missing = missing_words() | {fold(word) for word in column.missing}
    match kind.form:
        case Form.DATE:
            return map_dates(cells, column, file.whole[header], site.language)
        case Form.NUMBER:
            return map_numbers(cells, column, file.whole[header])
        case Form.AGE:
            return map_ages(cells, column, completed_years=site.facts.ages_completed_years)
        case Form.CODE | Form.CODES | Form.COUNTRY if kind.form is not Form.COUNTRY or column.codes is not None:
            is_of_kind = column.field == EVENT_DETAIL  # its cells mean another thing in the rows of another kind
            return map_codes(cells, column, kind, site.codes, cells if is_of_kind else file.whole[header])
        case Form.ZIP if site.country != "US":  # kept nowhere, so whatever it looks like holds nobody
            decider: Callable[[str], Decision] = _not_kept
        case form:
            decider = _DECIDERS[form]
    return decide_each(
        cells, lambda text: MISSING if fold(text) in missing else decider(text), _TYPES.get(kind.form, pa.string())
    )


def _not_kept(_: str) -> Decision:
    return MISSING


def _present(kind: str, mapped: Mapping[str, Mapped], length: int, *, always: bool) -> pa.Array:
    """Tell which rows hold a record: those where some cell of it says something.

    Of a measurement that is the value, or what was measured where the row itself says so.
    """
    present = pa.array([always] * length, pa.bool_())
    is_measured = kind == "measurement" and "value" in mapped
    telling = (
        [mapped[name] for name in ("value", "name", "loinc") if name in mapped] if is_measured else mapped.values()
    )
    for one in telling:
        present = pc.or_(present, pc.or_(pc.is_valid(one.values), pc.is_valid(one.rules)))
    return present


def _records(kind: str, slot: int, file: _File, mapped: Mapping[str, Mapped], columns: Columns) -> pa.Table:
    length = len(file.rows)
    constants = {
        name.partition(".")[2]: value for name, value in file.table.constant.items() if name.partition(".")[0] == kind
    }
    named = [column.name for _, column in columns.values() if column.name]
    constants |= {"name": named[0]} if named else {}
    rule = pa.nulls(length, pa.string())
    values: dict[str, pa.Array] = {}
    for name, one in KINDS[kind].items():
        kept = mapped[name].values if name in mapped else pa.nulls(length, _TYPES.get(one.form, pa.string()))
        values[name] = _shifted(kept, file.offsets) if one.form is Form.DATE else kept
        if name in constants:
            values[name] = pc.fill_null(values[name], constants[name])
        if name in mapped:
            rule = pc.coalesce(rule, mapped[name].rules)
    units = [columns[name][1].unit for name in _UNITS & columns.keys()]
    declared = [_repeated(units[0] if units else None, pa.string(), length)] if _UNITS & KINDS[kind].keys() else []
    origin = [
        file.subjects,
        _repeated(file.ordinal, pa.int32(), length),
        file.rows,
        _repeated(slot, pa.int32(), length),
    ]
    return pa.Table.from_arrays([*origin, *values.values(), *declared, rule], schema=record_schema(kind))


def _shifted(dates: pa.Array, offsets: pa.Array) -> pa.Array:
    """Move dates by their subject's offset: from here on there is no real date."""
    return pc.add(dates.cast(pa.int32()), offsets).cast(pa.date32())


def _cells(place: tuple[str, int, str], file: _File, header: str, mapped: Mapped) -> pa.Table:
    kind, slot, name = place
    length = len(file.rows)
    columns = [
        _repeated(kind, pa.string(), length),
        file.subjects,
        _repeated(file.ordinal, pa.int32(), length),
        file.rows,
        _repeated(slot, pa.int32(), length),
        _repeated(name, pa.string(), length),
        _repeated(header, pa.string(), length),
        file.cells[header],
        _repeated(mapped.mapping, pa.string(), length),
        _repeated(mapped.version, pa.string(), length),
        mapped.rules,
        _missing(file.cells[header], mapped),
    ]
    return pa.Table.from_arrays(columns, schema=CELLS)


def _says(mapped: Mapped, missing: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.or_(pc.is_valid(mapped.values), pc.is_valid(mapped.rules)), pc.is_valid(missing))


def _missing(cells: pa.Array, mapped: Mapped) -> pa.Array:
    """Give why the site says that it has no value, null where it has one or the cell is empty."""
    words = cells.dictionary_encode()
    reasons = [
        missing_reasons().get(fold(word), UNEXPLAINED_MISSING if word else None)
        for word in words.dictionary.to_pylist()
    ]
    is_silent = pc.is_null(mapped.values)
    if pa.types.is_string(mapped.values.type):
        is_silent = pc.or_(is_silent, pc.fill_null(pc.is_in(mapped.values, value_set=_NO_ANSWERS), False))  # noqa: FBT003 -- the fill value
    is_silent = pc.and_(is_silent, pc.is_null(mapped.rules))
    return pc.if_else(is_silent, pa.array(reasons, pa.string()).take(words.indices), None)


def _repeated(value: object, kind: pa.DataType, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), length)
