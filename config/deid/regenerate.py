"""Makes the tables of attribute Types from the `highdicom` wheel's copy of PS3.3; run at development time only.

The result, ``iod_modules.csv`` and ``module_types.csv``, holds for each SOP class that ``sop_classes.csv`` passes the
Types of the attributes that the profile may have to remove, empty or replace; all others it leaves as they are.
Run ``python -m config.deid.regenerate`` after a new wheel, or after a change of ``sop_classes.csv``.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from config.deid.rows import rows_of

FOLDER = Path(__file__).parent
REQUIRED = frozenset({"1", "1C", "2", "2C"})
ALWAYS_KEPT_VRS = frozenset({"AT", "FD", "FL", "SL", "SS", "SV", "UI", "UL", "US", "US or SS", "UV"})
CODE_KEYWORDS = frozenset(  # the attributes of a code are decided together, by one rule that needs no Types
    {
        "CodeMeaning",
        "CodeValue",
        "CodingSchemeDesignator",
        "CodingSchemeVersion",
        "ContextGroupLocalVersion",
        "ContextGroupVersion",
        "LongCodeValue",
        "URNCodeValue",
    }
)
SOURCE = (
    "# source: DICOM PS3.3 as packaged in highdicom {version} (MIT licence, MGH Computational Pathology);"
    " facts (c) NEMA; made by config/deid/regenerate.py; do not edit"
)


def standard_table(name: str) -> dict[str, Any]:
    """Give one of the JSON tables of the wheel."""
    table: dict[str, Any] = json.loads(files("highdicom").joinpath(f"_standard/{name}.json").read_text("utf-8"))
    return table


def modules_of(iods: Iterable[str]) -> dict[str, list[str]]:
    """Give the modules of each IOD (PS3.3 annex A)."""
    table = standard_table("iod_module_map")
    return {iod: sorted(module["key"] for module in table[iod]) for iod in sorted(iods)}


def types_of(modules: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Give module, path of sequences, and ``tag=Type`` of every attribute there that may have to be replaced."""
    table = standard_table("module_attribute_map")
    for module in modules:
        found: dict[str, list[str]] = defaultdict(list)
        for attribute in table[module]:
            tag = tag_for_keyword(attribute["keyword"])
            path = [tag_for_keyword(keyword) for keyword in attribute["path"]]
            if tag is None or None in path or attribute["keyword"] in CODE_KEYWORDS:
                continue
            if attribute["type"] in REQUIRED and dictionary_VR(tag) not in ALWAYS_KEPT_VRS:
                found[">".join(f"{step:08X}" for step in path)].append(f"{tag:08X}={attribute['type']}")
        yield from ((module, path, " ".join(sorted(types))) for path, types in sorted(found.items()))


def write(name: str, header: tuple[str, ...], rows: Iterable[Iterable[str]]) -> None:
    """Write a table of this folder with its source."""
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        file.write(SOURCE.format(version=version("highdicom")) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write both tables."""
    modules = modules_of({row["iod"] for row in rows_of("sop_classes.csv") if row["iod"]})
    write("iod_modules.csv", ("iod", "modules"), ((iod, " ".join(names)) for iod, names in modules.items()))
    used = sorted({module for names in modules.values() for module in names})
    write("module_types.csv", ("module", "path", "types"), types_of(used))


if __name__ == "__main__":  # pragma: no cover -- run by hand
    main()
