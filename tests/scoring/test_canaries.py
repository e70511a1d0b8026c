"""All marked places of the frozen canary files, asked of the scorer as an answer key asks."""

import json
from pathlib import Path

from pydicom import dcmread

from flows.crosswalk import write_pairs
from flows.scoring.score import Scored, read_identifiers, score
from tests.deidentify.objects import outcome_of
from tests.oracle.leaks import leaks
from tests.scoring.corpus import GOLDEN
from tests.scoring.keys import asked, row_of, write_key

CANARIES = list(json.loads((GOLDEN / "canaries.json").read_text(encoding="utf-8")))


def test_of_65_marked_places_65_are_clean(tmp_path: Path) -> None:
    objects = {path.name: path.read_bytes() for path in sorted(GOLDEN.glob("*.dcm"))}
    planted = {(name.partition("!")[0], number) for name, number in leaks(objects.items(), CANARIES)}
    (tmp_path / "output").mkdir()
    uids: dict[str, str] = {}
    rows = []
    for name, content in objects.items():
        places = sorted({number for where, number in planted if where == name or where.startswith(f"{name} ")})
        checks = [asked("canary_absent", text=CANARIES[number]) for number in places]
        rows.append(row_of(dcmread(GOLDEN / name), checks))
        outcome = outcome_of(content)
        uids |= {old: new for (_, old), new in outcome.crosswalk.items()}
        if outcome.content is not None:
            (tmp_path / "output" / f"{outcome.sop_uid}.dcm").write_bytes(outcome.content)
    write_pairs(tmp_path / "uids.csv", uids.items())
    key = write_key(tmp_path / "key.db", rows)
    ids = read_identifiers(tmp_path / "uids.csv", tmp_path / "uids.csv")
    figures = score(Scored(key, tmp_path / "output", ids))
    assert {number for _, number in planted} == set(range(65))
    assert figures["leakage"]["left"] == figures["leakage"]["undecided"] == 0  # type: ignore[index]  # figures are JSON
    assert figures["leakage"]["checks"] >= 65  # type: ignore[index]  # figures are JSON
    assert figures["instances"]["found"] >= 2  # type: ignore[index]  # figures are JSON
