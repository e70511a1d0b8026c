"""A fault that is seeded into the tables of a sound release trips exactly its rule."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest

from config.keys import KeyRing, new_key_ring, parse_key_ring
from config.release import Disclosure, ReleasePolicy, load_population, load_release_policy
from config.settings import Settings
from expectations.schemas.catalog import CANONICAL
from expectations.schemas.pipeline import NEEDLES
from expectations.schemas.table import table_of
from tasks.errors import GateError
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.sealing import sealed_needles
from tasks.layout import BatchLayout
from tasks.release.build import build_release
from tasks.release.disclosure.gates import judged
from tasks.release.disclosure.known import Known
from tasks.release.model import Tables
from tasks.release.reading import open_tables
from tasks.release.selection import accepted_batches
from tasks.store.parquet import read_table, write_table
from tests.release.batches import Batch, Installation, some_images
from tests.release.disclosure.persons import a_control

PEOPLE = [f"PERSON{place:02}" for place in range(12)]
SECRET = Needle(Kind.NAME, "zzcanary", "")
OLD = "zz-4711-canary"
LOOSE = {"reference": "midrc-sample", "population": "", "limit": 1.0}


def a_batch() -> Batch:
    """Twelve people who look alike, with the same two studies each, and every sensitive value twice."""
    images = [
        image for place, name in enumerate(PEOPLE) for study in "12"
        for image in some_images(name, study=f"{place + 1}{study}", instances=1)
    ]  # fmt: skip
    sensitive = ({"covid19_status": "Negative"}, {"ever_icu": "Yes"}, {"ever_ventilated": "Yes"})
    subjects = {name: sensitive[place % 3] for place, name in enumerate(PEOPLE)}
    studies = {
        f"2.25.{place + 1}{study}": {"day": 3 if study == "1" else 5, "study_description_raw": "CT CHEST"}
        for place in range(len(PEOPLE)) for study in "12"
    }  # fmt: skip
    return Batch("s1/b1", images, subjects=subjects, studies=studies)


def an_installation(batch: Batch, **control: Any) -> Installation:
    made = Installation().with_policy(disclosure=a_control(**control).model_dump(), representation=LOOSE)
    batch.write(made.work)
    return made


@cache
def sound() -> tuple[Installation, Tables]:
    made = an_installation(a_batch())
    build_release("2026.11", context=made.context)
    return made, open_tables(made.release)


def rules_of(tables: Tables, policy: ReleasePolicy, known: Known) -> dict[str, list[str]]:
    """What is refused and what is told, by rule."""
    population = load_population(policy.representation, policy.disclosure)
    found = judged(tables, policy, known, (population, [], {}))
    return {
        "refused": [finding.rule_id for finding in found.refused],
        "told": [finding.rule_id for finding in found.told],
    }


def asked(tables: Tables, **policy: Any) -> dict[str, list[str]]:
    installation, _ = sound()
    changed = ReleasePolicy(**(installation.policy.model_dump() | policy))
    with TemporaryDirectory() as name:
        batches = accepted_batches(installation.work, changed, Path(name))
        return rules_of(tables, changed, Known(installation.work, Settings(processes=1), batches, Path(name)))


def seeded(table: str, where: Callable[[dict[str, Any]], bool], **values: Any) -> Tables:
    """The sound release with some values changed."""
    _, tables = sound()
    rows = [row | values if where(row) else row for row in tables[table].to_pylist()]
    return tables | {table: table_of(CANONICAL[table], rows)}


def everybody(_row: dict[str, Any]) -> bool:
    return True


def first(row: dict[str, Any]) -> bool:
    return bool(row["subject_id"] == PEOPLE[0])


def with_drug(day: int) -> Tables:
    """The sound release with one drug of the first person."""
    _, tables = sound()
    form = CANONICAL["medication"]
    nullable = pa.schema([(field.name, field.type) for field in form.schema])
    row = {"medication_id": "m1", "subject_id": PEOPLE[0], "start_day": day}
    return tables | {"medication": pa.Table.from_pylist([row], schema=nullable)}


def two_studies(one: dict[str, Any], other: dict[str, Any]) -> Tables:
    """The first person's studies of day 3 and of day 5 with some values changed."""
    _, tables = sound()
    changes = {3: one, 5: other}
    rows = [row | changes[row["day"]] if first(row) else row for row in tables["imaging_study"].to_pylist()]
    return tables | {"imaging_study": table_of(CANONICAL["imaging_study"], rows)}


def test_a_sound_release_has_no_findings() -> None:
    _, tables = sound()
    assert asked(tables) == {"refused": [], "told": []}


@pytest.mark.parametrize(
    ("tables", "rule"),
    [
        (lambda: seeded("subject", first, sex="Male"), "P-KANON"),
        (lambda: seeded("subject", first, age_at_index=None, age_band=None), "P-KANON"),
        (lambda: two_studies({"study_year": 2020}, {"study_year": 2021}), "P-YEAR-LEAK"),
        (lambda: two_studies({"age_at_study": None, "age_at_study_gt89": True}, {}), "P-AGE89-LEAK"),
        (lambda: seeded("imaging_study", everybody, study_description_raw="CT for Dr. Miller"), "P-FREETEXT"),
        (lambda: seeded("imaging_study", everybody, study_description_raw="CT 2020-03-04"), "P-FREETEXT"),
        (lambda: seeded("imaging_study", everybody, study_description_raw="call 555-867-5309"), "P-FREETEXT"),
        (lambda: seeded("imaging_study", everybody, study_description_raw="MRN 0042"), "P-FREETEXT"),
    ],
)
def test_a_seeded_fault_is_refused_by_exactly_its_rule(tables: Callable[[], Tables], rule: str) -> None:
    assert asked(tables()) == {"refused": [rule], "told": []}


@pytest.mark.parametrize(
    ("tables", "policy", "rule"),
    [
        (lambda: seeded("subject", everybody, covid19_status="Positive"), {}, "P-LDIV"),
        (lambda: seeded("imaging_study", first, day=40), {}, "P-UNIQUE-DETAIL"),
        (lambda: two_studies({"age_at_study": 61}, {"age_at_study": 62}), {}, "P-BDAY-LEAK"),
        (lambda: seeded("imaging_study", first, study_description_raw="CT HEAD"), {}, "P-RARE-VALUE"),
        (lambda: sound()[1], {"representation": LOOSE | {"limit": 0.9}}, "R-REPRESENT"),
    ],
)
def test_a_seeded_oddity_is_told_by_exactly_its_rule(
    tables: Callable[[], Tables], policy: dict[str, Any], rule: str
) -> None:
    found = asked(tables(), **policy)
    assert (found["refused"], set(found["told"])) == ([], {rule})


def test_a_late_day_of_anything_tells_an_age_over_89() -> None:
    days = 29 * 366
    assert asked(with_drug(days))["refused"] == ["P-AGE89-LEAK"]
    assert asked(with_drug(28 * 365))["refused"] == []


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.toml"
    file.write_text(new_key_ring())
    return file


def with_needles(installation: Installation, ring: KeyRing) -> None:
    """Lay what the batch knows of the first person into the private prefix."""
    layout = BatchLayout("s1", "b1")
    sealed = sealed_needles(ring, frozenset({SECRET}), about=PEOPLE[0])
    rows = [{"subject_id": PEOPLE[0], "sources": [], "sealed": sealed}]
    _lay(installation, layout.private_run("run1", "needles.parquet"), table_of(NEEDLES, rows))


def _lay(installation: Installation, key: str, table: pa.Table) -> None:
    installation.work.create(key, write_table(table))


@pytest.mark.parametrize(("person", "refused"), [(0, ["P-FREETEXT"]), (1, [])])
def test_a_text_is_refused_if_it_holds_what_is_known_of_its_own_subject(
    ring_file: Path, tmp_path: Path, person: int, refused: list[str]
) -> None:
    installation = an_installation(a_batch())
    with_needles(installation, parse_key_ring(ring_file.read_text(), name="test"))
    tables = seeded(
        "imaging_study", lambda row: row["subject_id"] == PEOPLE[person], study_description_raw="CT of Zzcanary"
    )
    batches = accepted_batches(installation.work, installation.policy, tmp_path)
    known = Known(installation.work, Settings(keys=str(ring_file)), batches, tmp_path)
    assert rules_of(tables, installation.policy, known)["refused"] == refused


def test_needles_without_a_key_ring_stop_the_release(ring_file: Path) -> None:
    installation = an_installation(a_batch())
    with_needles(installation, parse_key_ring(ring_file.read_text(), name="test"))
    with pytest.raises(Exception, match="no key ring is named"):
        build_release("2026.11", context=installation.context)


def test_levers_close_in_a_release_what_the_gate_would_refuse() -> None:
    batch = a_batch()
    batch.subjects = {**batch.subjects, PEOPLE[0]: {"zip3": "941"}, PEOPLE[1]: {"site_id": "s02"}}
    installation = an_installation(batch)
    report = build_release("2026.11", context=installation.context)
    rows = {row["subject_id"]: row for row in open_tables(installation.release)["subject"].to_pylist()}
    assert report.held_subjects == (PEOPLE[1],)
    assert report.held == {"P-KANON": 2}
    assert {row["zip3"] for row in rows.values()} == {"000"}
    assert len(rows) == 11


def test_a_policy_without_levers_refuses_small_classes() -> None:
    batch = a_batch()
    batch.subjects = {**batch.subjects, PEOPLE[0]: {"sex": "Male"}}
    installation = an_installation(batch, levers=())
    with pytest.raises(GateError, match=r"P-KANON at subject \(1\)"):
        build_release("2026.11", context=installation.context)
    assert installation.contents() == {}


def test_what_was_done_to_whom_is_recorded_in_the_private_prefix_only() -> None:
    batch = a_batch()
    batch.subjects = {**batch.subjects, PEOPLE[1]: {"site_id": "s02"}}
    installation = an_installation(batch)
    build_release("2026.11", context=installation.context)
    (key,) = [one.key for one in installation.work.list("private/releases/2026.11/")]
    rows = {row["subject_id"]: row for row in read_table(installation.work.read(key)).to_pylist()}
    assert (rows[PEOPLE[1]]["held"], rows[PEOPLE[1]]["rules"]) == (True, ["P-KANON"])
    assert (rows[PEOPLE[0]]["held"], rows[PEOPLE[0]]["rules"], rows[PEOPLE[0]]["class_after"]) == (False, [], 11)
    assert not [key for key in installation.contents() if "disclosure" in key]


@pytest.mark.parametrize(
    "values",
    [
        {"age_bands": (18, 30)},
        {"age_bands": (0, 30, 30)},
        {"levers": ("hold", "zip3")},
        {"levers": ("zip3", "zip3")},
        {"k": 0},
        {"window_days": 30},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Disclosure"):
        Disclosure(**(load_release_policy().disclosure.model_dump() | values))
