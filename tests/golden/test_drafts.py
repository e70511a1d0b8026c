"""The draft of every golden batch maps nearly all columns that a person maps, and none in another way."""

import tomllib
from typing import Any

import pytest

from config.site import Site
from tasks.harmonize.drafting.draft import draft_site
from tasks.harmonize.drafting.site_file import site_file
from tests.golden.road import CODES, site_of, tables_of

LEAST = 0.9  # of the columns that the hand-written site file maps
Mapped = dict[tuple[str, str], dict[str, Any]]


def mapped(site: Site) -> Mapped:
    """Give what is said of every column, by the beginning of the pattern or the sheet, and by header."""
    return {
        (table.sheet or table.pattern[:2], header): column.model_dump()
        for table in site.tables
        for header, column in table.columns.items()
    }


@pytest.fixture(scope="module", params=CODES)
def both(request: pytest.FixtureRequest) -> tuple[Site, Site]:
    """Give the site as a person wrote it, and as it is drafted."""
    code = request.param
    text = site_file(draft_site(code, list(tables_of(code).items())), "b1")
    return site_of(code), Site.model_validate({"code": code} | tomllib.loads(text))


def test_the_draft_maps_nearly_every_column_and_none_wrong(both: tuple[Site, Site]) -> None:
    written, draft = (mapped(site) for site in both)
    same = {place for place in written if place in draft and _what(draft[place]) == _what(written[place])}
    assert draft.keys() - same == set()
    assert len(same) >= LEAST * len(written), sorted(written.keys() - same)


def _what(column: dict[str, Any]) -> tuple[Any, ...]:
    return column["field"], column["slot"], column["name"]


def test_what_the_draft_says_of_dates_units_and_code_sets_is_what_a_person_says(both: tuple[Site, Site]) -> None:
    written, draft = (mapped(site) for site in both)
    for place in draft:
        ours, theirs = written[place], draft[place]
        assert theirs["date"] in {"vote", "iso", ours["date"]}, place
        assert theirs["unit"] in {None, ours["unit"]}, place
        if isinstance(ours["codes"], str) and isinstance(theirs["codes"], str):
            assert theirs["codes"] == ours["codes"] or ours["codes"] in both[0].codes, place


def test_the_draft_tells_country_language_shape_and_how_files_are_read(both: tuple[Site, Site]) -> None:
    written, draft = both
    assert (draft.country, draft.language) == (written.country, written.language)
    layout = {(table.sheet or table.pattern[:2]): (table.shape, table.delimiter) for table in draft.tables}
    for table in written.tables:
        shape, delimiter = layout[table.sheet or table.pattern[:2]]
        assert shape == table.shape
        assert table.delimiter in {None, delimiter}
