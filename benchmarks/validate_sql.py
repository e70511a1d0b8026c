"""The rules of clinical tables, and of the instance table, each as one plain DuckDB statement that counts."""
# ruff: noqa: S608 -- every name and value put into a statement is of our own schemas and queries

from collections.abc import Iterator

from config.vocab import small_zip3
from expectations.schemas.catalog import BATCH
from expectations.suites.demands import Demand, Kind, demands_of
from tasks.validate.facts import queries

CLINICAL = ("subject", "clinical_event", "test_result", "condition", "measurement", "medication")


def clinical_queries() -> list[tuple[str, str]]:
    """Give those queries across rows and tables that are about clinical tables."""
    return [(name, query) for name, query in queries() if name.split()[1].split(".")[0] in CLINICAL]


def clinical_sql() -> str:
    """Give the statement for the clinical tables."""
    columns = [f"(SELECT {', '.join(_sums(name))} FROM {name})" for name in CLINICAL]
    keys = [_repeated(name, BATCH[name].key[0]) for name in CLINICAL]
    across = [_number(query) for _, query in clinical_queries()]
    return "SELECT " + ", ".join([*columns, *keys, *across])


def _sums(name: str) -> Iterator[str]:
    conditions = [condition for demand in demands_of(BATCH[name]) if (condition := condition_of(demand))]
    if name == "subject":
        conditions.append("zip3 IN (" + ", ".join(f"'{area}'" for area in sorted(small_zip3())) + ")")
    if name == "clinical_event":
        conditions.append("end_day < start_day")
    yield " + ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)


def condition_of(demand: Demand, prefix: str = "") -> str:
    """Give what is true of a row that breaks a demand, empty if one cell does not tell."""
    column = f"{prefix}{demand.columns[0]}"
    match demand.kind:
        case Kind.NOT_NULL:
            return f"{column} IS NULL"
        case Kind.IN_SET:
            values = ", ".join("'" + value.replace("'", "''") + "'" for value in demand.values)
            return f"{column} NOT IN ({values})"
        case Kind.BETWEEN:
            low, high = demand.least, demand.most
            return " OR ".join(
                f"{column} {sign} {bound}" for sign, bound in (("<", low), (">", high)) if bound is not None
            )
        case Kind.REGEX:
            return f"NOT regexp_matches({column}, '{demand.regex.removesuffix(chr(92) + 'Z')}$')"
    return ""


def _repeated(table: str, columns: str) -> str:
    return f"(SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {columns} HAVING count(*) > 1))"


def _number(query: str) -> str:
    return f"(SELECT found FROM ({query}))" if " AS found" in query else f"(SELECT count(*) FROM ({query}))"


def instance_sql(candidates: int) -> str:
    """Give the statement for the instance table."""
    demands = list(demands_of(BATCH["imaging_instance"]))
    rows = [f"count(*) FILTER (WHERE {condition})" for demand in demands if (condition := condition_of(demand, "i."))]
    return f"""
        SELECT abs(count(*) - {candidates}), {", ".join(rows)},
               count(*) FILTER (WHERE p.series_uid IS NULL), count(*) FILTER (WHERE t.study_uid IS NULL),
               count(*) FILTER (WHERE s.subject_id IS NULL),
               count(*) FILTER (WHERE i.study_uid <> p.study_uid OR i.subject_id <> p.subject_id
                                      OR i.subject_id <> t.subject_id),
               {_repeated("imaging_instance", "sop_uid")},
               (SELECT count(*) FROM imaging_instance a ANTI JOIN settled b
                ON a.sop_uid = b.sop_uid AND a.sha256 = b.sha256 AND a.md5 = b.md5 AND a.size = b.size_bytes),
               (SELECT count(*) FROM settled WHERE patient_age_years NOT BETWEEN 0 AND 89
                OR coalesce(patient_age_gt89, true) <> (patient_age_years IS NULL)),
               (SELECT count(*) FROM (SELECT 1 FROM imaging_instance WHERE pixel_sha256 IS NOT NULL
                                      GROUP BY subject_id, pixel_sha256 HAVING count(*) > 1)),
               (SELECT count(*) FROM (SELECT 1 FROM imaging_instance GROUP BY pixel_sha256
                                      HAVING count(DISTINCT subject_id) > 1))
        FROM imaging_instance i
        LEFT JOIN imaging_series p ON p.series_uid = i.series_uid
        LEFT JOIN imaging_study t ON t.study_uid = i.study_uid LEFT JOIN subject s ON s.subject_id = i.subject_id
    """
