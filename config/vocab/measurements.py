"""What can be measured of a person: names, LOINC codes, units and plausible bounds, each once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from config.rules import rows_of
from config.vocab import fold


@dataclass(frozen=True, slots=True)
class Measurement:
    """One kind of measurement: its code, the unit of its canonical values, and the bounds of the plausible ones."""

    loinc_code: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a value in one unit becomes canonical: times `factor`, plus `offset`."""

    factor: float
    offset: float


@cache
def measurements() -> Mapping[str, Measurement]:
    """Give every kind of measurement by its name (see the notice in the file)."""
    return MappingProxyType(
        {
            row["name"]: Measurement(row["loinc_code"], row["unit"], float(row["low"]), float(row["high"]))
            for row in rows_of("vocab/measurements.csv")
        }
    )


@cache
def conversions() -> Mapping[tuple[str, str], Conversion]:
    """Give the conversion of every unit that a measurement may be sent in, by name and folded unit."""
    return MappingProxyType(
        {
            (row["name"], fold(row["sent"])): Conversion(float(row["factor"]), float(row["offset"]))
            for row in rows_of("vocab/measurement_units.csv")
        }
    )
