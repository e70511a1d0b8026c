"""The columns of an interval: its first and last day, which every table of intervals describes alike."""

import pyarrow as pa

from expectations.schemas.table import Sensitivity, column


def interval(no_end: str = "ongoing or unknown") -> list[pa.Field]:
    """Give `start_day` and `end_day`, in days counted from the subject's index event.

    Parameters
    ----------
    no_end
        What a null of `end_day` means.
    """
    return [_day("start_day", "First day", null="unknown"), _day("end_day", "Last day", null=no_end)]


def _day(name: str, what: str, *, null: str) -> pa.Field:
    description = f"{what}, counted from the index event"
    return column(name, pa.int32(), description, unit="d", null=null, sensitivity=Sensitivity.QUASI_IDENTIFIER)
