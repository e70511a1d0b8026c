import csv
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from expectations.schemas.catalog import CANONICAL
from tasks.release.build import build_release
from tasks.release.metadata import _three_numbers, dictionary
from tasks.release.reading import committed, open_tables
from tests.release.batches import Installation, first_batch, second_batch

ROOT = "releases/2026.11/"


@pytest.fixture(scope="module")
def published() -> Installation:
    """A second release with all that a publisher can declare."""
    made = Installation().with_policy(
        doi="10.5072/chest.{version}",
        concept_doi="10.5072/chest",
        creators=("A hospital", "Another hospital"),
        publisher="A commons",
        published="2026-11-25",
        web_address="https://open-chest.example.org",
    )
    first_batch().write(made.work)
    build_release("2026.10", context=made.context)
    second_batch().write(made.work)
    build_release("2026.11", context=made.context)
    return made


@pytest.fixture(scope="module")
def folder(published: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the release in a folder."""
    root: Path = tmp_path_factory.mktemp("release")
    for key, data in published.contents().items():
        if key.startswith(ROOT):
            path = root / key.removeprefix(ROOT)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def described(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_every_description_names_the_tables_with_their_size_and_digest(published: Installation, folder: Path) -> None:
    files = {file.key.removeprefix(ROOT): file for file in committed(published.release, "2026.11").files}
    tables = {f"tables/{name}.parquet" for name in CANONICAL if name != "release"}
    croissant = {one["contentUrl"]: one for one in described(folder, "croissant.json")["distribution"]}
    package = {one["path"]: one for one in described(folder, "datapackage.json")["resources"]}
    assert set(croissant) == set(package) == tables
    for path in tables:
        assert croissant[path]["sha256"] == files[path].sha256
        assert croissant[path]["contentSize"] == f"{files[path].size_bytes} B"
        assert (package[path]["bytes"], package[path]["hash"]) == (
            files[path].size_bytes, f"sha256:{files[path].sha256}"
        )  # fmt: skip


def test_every_description_has_the_columns_that_the_files_have(folder: Path) -> None:
    fields = {one["name"]: one["field"] for one in described(folder, "croissant.json")["recordSet"]}
    schemas = {one["title"]: one["schema"]["fields"] for one in described(folder, "datapackage.json")["resources"]}
    for name, described_fields in fields.items():
        columns = pq.read_schema(folder / f"tables/{name}.parquet").names
        assert [one["source"]["extract"]["column"] for one in described_fields] == columns
        assert [one["name"] for one in schemas[name]] == columns
        assert all(one["description"] for one in [*described_fields, *schemas[name]])


def test_references_lead_to_keys(folder: Path) -> None:
    resources = {one["name"]: one for one in described(folder, "datapackage.json")["resources"]}
    for name, resource in resources.items():
        for key in resource["schema"]["foreignKeys"]:
            target = resources[key["reference"]["resource"] or name]["schema"]
            assert key["reference"]["fields"][0] in target["primaryKey"]
    sets = {one["@id"]: one for one in described(folder, "croissant.json")["recordSet"]}
    fields = [field for one in sets.values() for field in one["field"]]
    references = [field["references"]["field"]["@id"] for field in fields if "references" in field]
    assert set(references) == {"subject/subject_id"}


def test_values_of_the_tables_obey_what_the_package_says(published: Installation, folder: Path) -> None:
    tables = open_tables(published.release, "2026.11")
    for resource in described(folder, "datapackage.json")["resources"]:
        rows = tables[resource["title"]].to_pylist()
        for field in resource["schema"]["fields"]:
            for value in [row[field["name"]] for row in rows]:
                obeys(field.get("constraints", {}), value)


def obeys(constraints: Mapping[str, Any], value: Any) -> None:
    assert value is not None or not constraints.get("required")
    if value is not None:
        assert value in constraints.get("enum", [value])
        assert constraints.get("minimum", value) <= value if "minimum" in constraints else True
        assert value <= constraints["maximum"] if "maximum" in constraints else True


def test_a_citable_version_says_what_it_is_a_version_of(folder: Path) -> None:
    said = described(folder, "datacite.json")
    assert (said["doi"], said["version"], said["publicationYear"]) == ("10.5072/chest.2026.11", "2026.11", "2026")
    assert {one["relationType"]: one["relatedIdentifier"] for one in said["relatedIdentifiers"]} == {
        "IsVersionOf": "10.5072/chest", "IsNewVersionOf": "10.5072/chest.2026.10"
    }  # fmt: skip
    assert [one["name"] for one in said["creators"]] == ["A hospital", "Another hospital"]
    croissant = described(folder, "croissant.json")
    assert croissant["citeAs"] == (
        "A hospital; Another hospital (2026). Curated imaging collection, version 2026.11. A commons. "
        "https://doi.org/10.5072/chest.2026.11"
    )
    assert (croissant["datePublished"], croissant["version"]) == ("2026-11-25", "2026.11.0")


def test_the_declared_day_and_the_doi_stand_in_the_release_table(published: Installation) -> None:
    (row,) = open_tables(published.release, "2026.11", ["release"])["release"].to_pylist()
    assert (row["created_at"].isoformat(), row["doi"]) == ("2026-11-25T00:00:00+00:00", "10.5072/chest.2026.11")


def test_what_nobody_declared_is_left_out(installation: Installation) -> None:
    build_release("2026.11", context=installation.context)
    said = json.loads(installation.contents()[f"{ROOT}datacite.json"])
    assert ("doi" in said, "dates" in said, said["relatedIdentifiers"]) == (False, False, [])
    assert "datePublished" not in json.loads(installation.contents()[f"{ROOT}croissant.json"])


@pytest.mark.parametrize(
    ("version", "said"), [("2026.11", "2026.11.0"), ("2026.01.05.2", "2026.1.5+2"), ("1.4.0-rc.1", "1.4.0-rc.1")]
)
def test_croissant_has_versions_of_three_numbers(version: str, said: str) -> None:
    assert _three_numbers(version) == said


def test_the_dictionary_has_a_line_for_every_column() -> None:
    text = dictionary([name for name in CANONICAL if name != "release"])
    for name, table in CANONICAL.items():
        part = text.split(f"## {name}\n")[1].split("\n## ")[0]
        lines = list(csv.reader(part.splitlines(), delimiter="|", quoting=csv.QUOTE_NONE))
        columns = [line[1].strip() for line in lines if len(line) > 7]
        assert columns[2:] == [f"`{column}`" for column in table.schema.names]


@pytest.mark.skipif(importlib.util.find_spec("mlcroissant") is None, reason="mlcroissant is not installed")
@pytest.mark.filterwarnings("ignore")  # what other packages warn of at import
def test_mlcroissant_validates_and_loads_every_table(folder: Path) -> None:
    import mlcroissant  # noqa: PLC0415 -- not installed everywhere

    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors
    assert not dataset.metadata.issues.warnings
    for name in [one.id for one in dataset.metadata.record_sets]:
        rows = pq.read_table(folder / f"tables/{name}.parquet")
        records = list(dataset.records(name))
        assert len(records) == rows.num_rows
        key = CANONICAL[name].key[0]
        assert [one[f"{name}/{key}"].decode() for one in records] == rows[key].to_pylist()
