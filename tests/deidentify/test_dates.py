from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deidentify.dates import is_time, read_date, shift_date, shift_datetime
from tests.deidentify.objects import PROFILE

DATES = PROFILE.dates
WEEK = 7
days_of_care = st.dates(date(1912, 1, 1), date(2088, 1, 1)).filter(DATES.is_real)
offsets = st.integers(-520, -52).map(lambda weeks: weeks * WEEK)


@pytest.mark.parametrize(
    ("source", "shifted"),
    [
        ("20200315", "20200308"),
        (" 20200315 ", "20200308"),
        ("2020.03.15", "20200308"),  # as before 1993
        ("20200229", "20200222"),  # leap day
        ("20200101-20200131", "20191225-20200124"),
        ("20200101-", "20191225-"),
        ("-20200101", "-20191225"),
        ("19000101", None),  # a placeholder: shifted, it would tell the offset
        ("00010101", None),
        ("99991231", None),
        ("19700101", None),
        ("19010101", None),  # leaves the real dates when shifted
        ("20200230", None),
        ("202003", None),
        ("2020-03-15", None),
        ("20200101-20200102-20200103", None),
        ("20200101-soon", None),
        ("-", None),
        ("UNKNOWN", None),
        ("", None),
    ],
)
def test_dates_move_by_the_offset_or_cannot_stay(source: str, shifted: str | None) -> None:
    assert shift_date(source, days=-WEEK, dates=DATES) == shifted


@pytest.mark.parametrize(
    ("source", "shifted"),
    [
        ("20200315101112.123456", "20200308101112.123456"),
        ("20200315101112.000+0100", "20200308101112.000"),
        ("2020031510-0500", "2020030810"),
        ("20200315", "20200308"),
        ("202003", "202002"),
        ("2020", "2019"),
        ("20200315101112.1234567", None),
        ("20200315.5", None),
        ("202003159911", "202003089911"),
        ("2020033", None),
        ("20201315", None),
        ("19000101120000", None),
        ("soon", None),
        ("", None),
    ],
)
def test_date_times_move_at_the_precision_that_they_have(source: str, shifted: str | None) -> None:
    assert shift_datetime(source, days=-WEEK, dates=DATES) == shifted


@pytest.mark.parametrize("text", ["10", "1011", "101112", "101112.5", "10:11:12", "1011-1012", "101112-", "-10"])
def test_times_are_recognised(text: str) -> None:
    assert is_time(text)


@pytest.mark.parametrize("text", ["", "1", "101", "ten", "101112.1234567", "10-11-12", "10:11:12 ZZCANARY"])
def test_what_is_no_time_is_recognised(text: str) -> None:
    assert not is_time(text)


@given(days_of_care, days_of_care, offsets)
def test_shifting_preserves_every_interval(first: date, second: date, days: int) -> None:
    moved = [shift_date(f"{day:%Y%m%d}", days=days, dates=DATES) for day in (first, second)]
    read = [read_date(text) for text in moved if text]
    if len(read) == 2 and read[0] and read[1]:
        assert read[1] - read[0] == second - first
        assert read[0].weekday() == first.weekday()


@given(days_of_care, st.integers(0, 23), st.integers(0, 59), offsets)
def test_a_date_time_moves_as_its_date_does_and_keeps_its_time(day: date, hour: int, minute: int, days: int) -> None:
    moved = shift_datetime(f"{day:%Y%m%d}{hour:02d}{minute:02d}+0200", days=days, dates=DATES)
    expected = shift_date(f"{day:%Y%m%d}", days=days, dates=DATES)
    assert moved == (None if expected is None else f"{expected}{hour:02d}{minute:02d}")


@given(st.text(max_size=30), offsets)
def test_no_text_is_a_date_by_accident(text: str, days: int) -> None:
    shifted = shift_date(text, days=days, dates=DATES)
    assert shifted is None or all(character in "0123456789-" for character in shifted)


def test_real_dates_end_where_the_profile_says() -> None:
    assert DATES.is_real(DATES.earliest)
    assert DATES.is_real(DATES.latest)
    assert not DATES.is_real(DATES.earliest - timedelta(days=1))
    assert not DATES.is_real(DATES.latest + timedelta(days=1))
