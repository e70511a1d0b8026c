"""The digest of a series is that of its sorted lines, however the rows are cut on their way."""

import hashlib

import pyarrow as pa
import pytest

from tasks.harmonize.series_digest import series_digests


def instances(series: str, counts: list[int]) -> pa.Table:
    rows = [
        {"series_uid": f"2.25.{name}", "sop_uid": f"2.25.{name}.{number}", "sha256": f"{at}{number:063}"}
        for at, (name, count) in enumerate(zip(series, counts, strict=True))
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows[::-1])


def slowly(rows: pa.Table) -> list[dict[str, str]]:
    lines: dict[str, list[str]] = {}
    for row in rows.to_pylist():
        lines.setdefault(row["series_uid"], []).append(f"{row['sop_uid']} {row['sha256']}")
    return [
        {"series_uid": uid, "series_sha256": hashlib.sha256("\n".join(sorted(lines[uid])).encode()).hexdigest()}
        for uid in sorted(lines)
    ]


@pytest.mark.parametrize("rows_per_batch", [1, 3, 1 << 16])
@pytest.mark.parametrize("counts", [[1], [1, 1, 1], [12, 1, 7], [3, 3, 3, 3]])
def test_it_is_the_digest_of_the_sorted_lines(
    monkeypatch: pytest.MonkeyPatch, rows_per_batch: int, counts: list[int]
) -> None:
    monkeypatch.setattr("tasks.harmonize.query.ROWS_PER_BATCH", rows_per_batch)
    rows = instances("1234"[: len(counts)], counts)
    assert series_digests(rows).to_pylist() == slowly(rows)


def test_no_instances_have_no_series() -> None:
    empty = instances("1", [1]).slice(0, 0)
    assert series_digests(empty).to_pylist() == []
