"""Six invented sites: what comes out of their batches is what a person reads in the raw rows, and nothing is wrong."""

import pytest

from tests.golden.expected import TABLES, readable
from tests.golden.road import CODES, SITES, Road, golden, site_of, tables_of

SHAPES = {"wide", "long"}


@pytest.fixture(scope="module")
def roads() -> dict[str, Road]:
    return {}


@pytest.fixture(params=CODES)
def code(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def road(code: str, roads: dict[str, Road]) -> Road:
    """Harmonize a golden batch once per module."""
    if code not in roads:
        roads[code] = golden(code)
    return roads[code]


def test_there_are_six_sites_of_five_languages_and_both_shapes() -> None:
    sites = [site_of(code) for code in CODES]
    assert len(sites) == 6
    assert {site.language for site in sites} == {"en", "es", "it", "ja", "pt"}
    assert {table.shape for site in sites for table in site.tables} == SHAPES


def test_the_canonical_tables_are_those_that_the_raw_rows_tell(code: str, road: Road) -> None:
    folder = SITES / code / "expected"
    made = {name: text for name, text in readable(road, code).items() if text}
    assert made.keys() == {path.stem for path in folder.iterdir()} <= set(TABLES)
    for name, text in made.items():
        assert text.splitlines() == (folder / f"{name}.csv").read_text(encoding="utf-8").splitlines(), name


def test_nothing_is_held_and_nothing_is_asked(road: Road) -> None:
    assert road.rows("holds") == []
    assert road.findings == {}
    assert road.lines("problems.csv") == []
    assert {line["rows_held"] for line in road.lines("files.csv")} == {"0"}


def test_every_row_of_every_file_was_used(code: str, road: Road) -> None:
    assert {line["file"].rsplit("/", 1)[-1].split("!")[0] for line in road.lines("files.csv")} == set(tables_of(code))
    assert all(int(line["rows_in"]) for line in road.lines("files.csv"))
