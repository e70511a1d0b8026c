"""Which instances somebody asks for: words such as ``modality=CT``, and SQL over the tables of the release.

Whatever a release does not know is an error: a misspelt filter must never select everything, or nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from config.errors import ConfigError
from expectations.schemas.catalog import CANONICAL
from tasks.spilling import quoted

# The tables that lead to an instance, from the instance upwards; of the others, a subject is selected that has a row.
ROAD: Final = ("imaging_instance", "imaging_series", "imaging_study", "subject")
AROUND: Final = ("clinical_event", "test_result", "condition", "measurement", "medication")
_KEYS: Final = {"imaging_series": "series_uid", "imaging_study": "study_uid", "subject": "subject_id"}
ROWS_AT_ONCE = 1 << 14
MOST_WORDS = 10_000  # of a column; where there are more, they are names that nobody guesses
FEW_WORDS = 12
_WITHDRAWN: Final = "withdrawn_keys"
_STANDS: Final = f"imaging_instance.key NOT IN (SELECT key FROM {_WITHDRAWN})"  # noqa: S608 -- our names


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody asks for: filters of which all must hold, and an SQL condition; all instances without any.

    `words` are of the form ``column=value`` or ``table.column=value``; of several on one column, one must hold. `where`
    has the columns of instance, series, study and subject at hand, and each table by its name.
    """

    words: Sequence[str] = ()
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A condition on a column with the value that it must have, or contain.

    `words` is a statement that gives what may stand there, if that is words that no list names.
    """

    sql: str
    value: str
    words: str | None = None


class Catalogue:
    """The tables of one release, which can be asked for instances."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, condition: str, values: Sequence[str]) -> None:
        self._connection = connection
        joins = " ".join(f"JOIN {table} USING ({key})" for table, key in _joined())
        self._chosen = f"FROM imaging_instance {joins} WHERE {condition}"
        self._sql = f"{self._chosen} AND {_STANDS}"
        self._values = list(values)

    def count(self) -> tuple[int, int]:
        """Give number and bytes of the instances, without those that were withdrawn.

        Raises
        ------
        ConfigError
            If the tables do not understand the condition.
        """
        try:
            ((count, size),) = self._connection.sql(
                f"SELECT count(*), coalesce(sum(size), 0) {self._sql}", params=self._values
            ).fetchall()
        except duckdb.Error as problem:
            reason = str(problem).partition("\n")[0]
            raise ConfigError(f"the filter is wrong: {reason}", next_step=_NEXT_STEP) from None
        return int(count), int(size)

    def withdrawn(self) -> int:
        """Count the instances that are chosen and were withdrawn."""
        statement = f"SELECT count(*) {self._chosen} AND NOT {_STANDS}"
        ((count,),) = self._connection.sql(statement, params=self._values).fetchall()
        return int(count)

    def cut_series(self) -> int:
        """Count the series of which some instances are chosen and some are not; withdrawn ones are no longer there."""
        chosen = f"SELECT series_uid, count(*) AS n {self._sql} GROUP BY series_uid"
        whole = f"SELECT series_uid, count(*) AS n FROM imaging_instance WHERE {_STANDS} GROUP BY series_uid"  # noqa: S608
        both = f"({chosen}) AS chosen JOIN ({whole}) AS whole USING (series_uid)"
        statement = f"SELECT count(*) FROM {both} WHERE chosen.n <> whole.n"  # noqa: S608 -- values are parameters
        ((count,),) = self._connection.sql(statement, params=self._values).fetchall()
        return int(count)

    def instances(self) -> Iterator[pa.RecordBatch]:
        """Give key, size and sha256 of the instances, in the order of the manifests."""
        columns, order = "key, size, imaging_instance.sha256", "subject_id, study_uid, series_uid, sop_uid"
        found = self._connection.sql(f"SELECT {columns} {self._sql} ORDER BY {order}", params=self._values)
        reader: pa.RecordBatchReader = found.to_arrow_reader(ROWS_AT_ONCE)
        yield from reader


_NEXT_STEP = (
    "filters are column=value, such as modality=CT, and --where takes SQL over the tables of the data dictionary"
)


def _joined() -> Iterator[tuple[str, str]]:
    for table, key in _KEYS.items():
        shared = [name for name in ("study_uid", "subject_id") if name in CANONICAL[table].schema.names]
        yield table, ", ".join(dict.fromkeys([key, *shared]))


@contextmanager
def opened(tables: Mapping[str, Path], choice: Choice, withdrawn: pa.Table) -> Iterator[Catalogue]:
    """Open the tables of a release and a choice of their instances; it can read these files and nothing else.

    Parameters
    ----------
    tables
        The Parquet file of each table.
    withdrawn
        The column `key` of objects that nobody may fetch any more.

    Raises
    ------
    ConfigError
        If a filter names a column or value that the release does not know, or is not understood.
    """
    asked = {word: _chosen(word) for word in choice.words}
    chosen: dict[str, list[str]] = {}
    for one in asked.values():
        chosen.setdefault(one.sql, []).append(one.value)
    conditions = [f"({' OR '.join([sql] * len(values))})" for sql, values in chosen.items()]
    conditions += [f"({choice.where}\n)"] if choice.where else []
    with duckdb.connect() as connection:
        for name, path in tables.items():
            connection.read_parquet(str(path)).create_view(name)
        connection.from_arrow(withdrawn.select(["key"])).create(_WITHDRAWN)
        folders = sorted({str(path.parent) for path in tables.values()})
        connection.execute(f"SET allowed_directories = [{', '.join(map(quoted, folders))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        for word, one in asked.items():
            _require_known(connection, word, one)
        values = [value for of_one in chosen.values() for value in of_one]
        yield Catalogue(connection, " AND ".join(conditions) or "true", values)


def _chosen(word: str) -> Chosen:
    """Understand one filter; the column is one of ours, so it is safe in SQL, and the value is a parameter there."""
    name, is_filter, value = word.partition("=")
    if not is_filter:
        raise ConfigError(f"{word!r} is no filter", next_step=_NEXT_STEP)
    table, field = _column(name.strip())
    column = f'{table}."{field.name}"'
    kind = field.type.value_type if pa.types.is_list(field.type) else field.type
    converted = _converted(name, value, kind)
    allowed = (field.metadata or {}).get(b"values", b"").decode()
    if allowed and converted not in allowed.split("|"):
        raise ConfigError(f"{name} is never {value!r}", next_step=f"it is one of {allowed.replace('|', ', ')}")
    typed = f"?::{_SQL_TYPES[str(kind)]}"
    condition = f"list_contains({column}, {typed})" if pa.types.is_list(field.type) else f"{column} = {typed}"
    if table in AROUND:
        condition = f"subject_id IN (SELECT subject_id FROM {table} WHERE {condition})"  # noqa: S608 -- our names
    if allowed or not pa.types.is_string(kind):
        return Chosen(condition, converted)
    each = f"unnest({column})" if pa.types.is_list(field.type) else column
    return Chosen(condition, converted, f"SELECT {each} AS word FROM {table}")  # noqa: S608 -- our names


def _require_known(connection: duckdb.DuckDBPyConnection, word: str, one: Chosen) -> None:
    """Require that a word which no list names is somewhere in the release."""
    if one.words is None or connection.execute(f"FROM ({one.words}) WHERE word = ? LIMIT 1", [one.value]).fetchall():
        return
    name = word.partition("=")[0].strip()
    found = connection.execute(f"SELECT DISTINCT word FROM ({one.words}) LIMIT {MOST_WORDS + 1}").fetchall()  # noqa: S608
    by_lower = {text.lower(): text for (text,) in found if text}
    near = [by_lower[text] for text in get_close_matches(one.value.lower(), by_lower, n=3)]
    known = sorted(by_lower.values())[:FEW_WORDS]
    told = f"perhaps {' or '.join(near)}" if near else f"it has {', '.join(known)}" if known else "nothing stands there"
    raise ConfigError(
        f"no {name} of this release is {one.value!r}",
        next_step=told if len(found) <= MOST_WORDS else "look for it in the table",
    )


_SQL_TYPES: Final = {
    "string": "VARCHAR", "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER",
    "int64": "BIGINT", "float": "FLOAT", "double": "DOUBLE",
}  # fmt: skip


def _column(name: str) -> tuple[str, pa.Field]:
    """Find a column by its name, with that of its table where several have it."""
    table, _, column = name.rpartition(".")
    tables = [table] if table else [*ROAD, *AROUND]
    found = [one for one in tables if one in (*ROAD, *AROUND) and column in CANONICAL[one].schema.names]
    if not found:
        raise ConfigError(f"no table has a column {name!r}", next_step=_nearest(column))
    on_road = [one for one in found if one in ROAD]
    if len(on_road or found) > 1 and column not in {"study_uid", "series_uid", "subject_id"}:
        names = ", ".join(f"{one}.{column}" for one in found)
        raise ConfigError(f"several tables have a column {column}", next_step=f"name one: {names}")
    one = (on_road or found)[0]
    return one, CANONICAL[one].schema.field(column)


def _nearest(column: str) -> str:
    names = sorted({name for table in (*ROAD, *AROUND) for name in CANONICAL[table].schema.names})
    near = get_close_matches(column, names, n=3)
    return f"perhaps {' or '.join(near)}" if near else "the data dictionary lists the columns"


def _converted(name: str, value: str, kind: pa.DataType) -> str:
    """Give the value as text, once it is sure that the column can hold it."""
    try:
        if pa.types.is_boolean(kind):
            return {"true": "true", "false": "false"}[value.lower()]
        if not pa.types.is_string(kind):
            pa.scalar(value).cast(kind)
    except (pa.ArrowInvalid, KeyError):
        raise ConfigError(f"{value!r} is no {kind}, which {name} is", next_step=_NEXT_STEP) from None
    return value
