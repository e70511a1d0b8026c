"""dcmodify (DCMTK) with one rule per row of PS3.15 Table E.1-1: one process for all files, in place.

It maps no UIDs: those of study, series and instance are made anew in every file, all others go.
"""

import csv
import re
import shutil
import subprocess
from pathlib import Path

from worker import Pairs, Work, serve

TABLE = Path(__file__).parents[2] / "config/deid/table_e1_1.csv"
TAG = re.compile(r"\([0-9A-F]{4},[0-9A-F]{4}\)")  # a pattern of tags is no tag
MADE_ANEW = {"(0008,0018)", "(0020,000D)", "(0020,000E)"}


def rules() -> list[str]:
    """Give the words of its command line for the table's Basic Profile: empty what may be, else remove."""
    with TABLE.open(encoding="utf-8") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        words = ["-nb", "-imt", "-ep", "-gst", "-gse", "-gin"]
        for row in rows:
            tag, code = row["tag"], row["basic_profile"]
            if not TAG.fullmatch(tag) or tag in MADE_ANEW or tag < "(0008":
                continue
            words += ["-ma", f"{tag}="] if code in {"Z", "Z/D", "D"} and row["vr"] != "SQ" else ["-ea", tag]
        return words


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the work on copies."""
    words = rules()
    for source, target in pairs:
        shutil.copyfile(source, target)

    def work() -> int:
        done = subprocess.run(
            [str(shutil.which("dcmodify")), *words, *(str(target) for _, target in pairs)], check=False
        )
        return len(pairs) if done.returncode else 0

    return work


if __name__ == "__main__":
    serve(prepare)
