"""Values that are legal in their VR and tell nothing, for attributes that an IOD requires."""

from typing import Final

from config.deid.profile import Dates

TEXT: Final = "REMOVED"
_BY_TAG = {
    0x00080005: "ISO_IR 100",  # Specific Character Set: what is kept beside an unknown one is ASCII
    0x00100040: "O",  # Patient's Sex
}
_BY_VR: dict[str, str | int | float | bytes] = {
    "AE": TEXT,
    "AS": "000Y",
    "AT": 0,
    "CS": TEXT,
    "DS": "0",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "LO": TEXT,
    "LT": TEXT,
    "OB": b"\0\0",
    "OD": bytes(8),
    "OF": bytes(4),
    "OL": bytes(4),
    "OV": bytes(8),
    "OW": b"\0\0",
    "PN": TEXT,
    "SH": TEXT,
    "SL": 0,
    "SS": 0,
    "ST": TEXT,
    "SV": 0,
    "TM": "000000",
    "UC": TEXT,
    "UL": 0,
    "UN": b"\0\0",
    "UR": "urn:removed",
    "US": 0,
    "UT": TEXT,
    "UV": 0,
}


def dummy_value(tag: int, vr: str, dates: Dates) -> str | int | float | bytes:
    """Give a value that is legal in the VR (PS3.5 section 6.2) and the same for everybody.

    Raises
    ------
    KeyError
        If there can be none: UIDs are replaced by value, and sequences by items.
    """
    if vr in ("DA", "DT"):
        return dates.dummy
    return _BY_TAG.get(tag, _BY_VR[vr])
