"""Reference populations as counts by attribute and value."""

import csv
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from config.errors import ConfigError
from config.release.disclosure import Disclosure, Representation

AGE_BAND = "age_band"
Population = Mapping[str, Mapping[str, int]]


def load_population(wanted: Representation, disclosure: Disclosure) -> Population:
    """Give the counts of the reference population of a policy, by attribute and value.

    Raises
    ------
    ConfigError
        If the file cannot be read or has no such population, or its age bands are not those of the policy.
    """
    path = Path(wanted.population) if wanted.population else files("config.release").joinpath("population.csv")
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        found: dict[str, dict[str, int]] = {}
        for row in csv.DictReader(lines):
            if row["population"] == wanted.reference:
                found.setdefault(row["attribute"], {})[row["value"]] = int(row["n"])
    except (OSError, ValueError, KeyError):
        raise ConfigError(
            f"{path} is no file of populations", next_step="write it like config/release/population.csv"
        ) from None
    if not found:
        raise ConfigError(f"{path} has no population {wanted.reference!r}", next_step="correct [representation]")
    strange = set(found.get(AGE_BAND, ())) - {*disclosure.band_names, ">89"}
    if strange:
        raise ConfigError(
            f"{path} has other age bands than the release policy: {', '.join(sorted(strange))}",
            next_step="write age_bands of [disclosure] as in the population, or the other way round",
        )
    return found
