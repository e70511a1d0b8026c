"""The report server shows reports and nothing else of the work store."""

from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from flows.processes import LOOPBACK, free_port
from flows.reports import serve_reports
from tasks.layout import release_report_key
from tasks.store.memory import MemoryStore

PAGE = "batches/s01/b1/0f/report/data_docs/index.html"
OF_A_RELEASE = release_report_key("2026.11.1", "0f", "data_docs/index.html")


@pytest.fixture
def address() -> Iterator[str]:
    store, port = MemoryStore(), free_port()
    for key in (PAGE, OF_A_RELEASE, "batches/s01/b1/0f/ledger.parquet", "private/batches/s01/b1/0f/report/rows.csv"):
        store.create(key, key.encode())
    server = serve_reports(store, port)
    yield f"http://{LOOPBACK}:{port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("page", [PAGE, OF_A_RELEASE])
def test_a_report_is_shown(address: str, page: str) -> None:
    with urlopen(address + page) as answer:  # noqa: S310 -- loopback
        assert (answer.status, answer.headers["Content-Type"], answer.read()) == (200, "text/html", page.encode())


@pytest.mark.parametrize(
    "key",
    [
        "batches/s01/b1/0f/ledger.parquet",
        "private/batches/s01/b1/0f/report/rows.csv",
        "batches/s01/b1/0f/report/../ledger.parquet",
        "batches/s01/b1/0f/report/none.html",
        "",
    ],
)
def test_nothing_else_is(address: str, key: str) -> None:
    with pytest.raises(HTTPError) as problem:
        urlopen(address + key)  # noqa: S310 -- loopback
    problem.value.close()
    assert problem.value.code == 404
