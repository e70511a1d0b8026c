import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deidentify.ages import capped_age, completed_years

OLDEST = 89


@pytest.mark.parametrize(
    ("source", "capped", "years"),
    [
        ("045Y", "045Y", 45),
        ("089Y", "089Y", 89),
        ("090Y", "090Y", 90),
        ("093Y", "090Y", 90),
        ("999Y", "090Y", 90),
        ("120M", "120M", 10),
        ("999M", "999M", 83),
        ("010W", "010W", 0),
        ("365D", "365D", 0),
        ("366D", "366D", 1),
        ("45y ", "045Y", 45),
        ("1Y", "001Y", 1),
    ],
)
def test_ages_are_capped_in_their_unit(source: str, capped: str, years: int) -> None:
    assert capped_age(source, oldest_years=OLDEST) == capped
    assert completed_years(capped) == years


@pytest.mark.parametrize("source", ["", "   ", "45", "093", "Y", "-45Y", "0045Y", "45 Y", "unknown", "4.5Y"])
def test_what_is_no_age_is_not_guessed(source: str) -> None:
    assert capped_age(source, oldest_years=OLDEST) is None
    assert completed_years(source) is None


@given(st.integers(0, 999), st.sampled_from("YMWD"))
def test_no_age_over_the_cap_is_ever_told(number: int, unit: str) -> None:
    capped = capped_age(f"{number:03d}{unit}", oldest_years=OLDEST)
    assert capped is not None
    assert (completed_years(capped) or 0) <= OLDEST + 1
