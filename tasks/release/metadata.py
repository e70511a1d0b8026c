"""What a release says of itself in the words of catalogues: Croissant, Frictionless Data Package and DataCite.

All three describe the same Parquet files, and are made of the schemas and of what the commit tells the public. The
table `release` is not described: it states the digest of all other files, these among them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa

from expectations.schemas.catalog import CANONICAL
from expectations.schemas.table import Table
from tasks.layout import release_key
from tasks.release.manifests import json_bytes
from tasks.release.model import OPEN, About, ReleasedFile
from tasks.release.reading import TABLES

CROISSANT = "croissant.json"
DATA_PACKAGE = "datapackage.json"
DATACITE = "datacite.json"
DICTIONARY = "dictionary.md"
PARQUET = "application/vnd.apache.parquet"  # IANA media type
COAR = "http://purl.org/coar/access_right/"  # https://vocabularies.coar-repositories.org/access_rights/
Json = dict[str, object]
# https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html: the context that every file of this version has
_CONTEXT: Final[Mapping[str, object]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
} | {
    word: f"cr:{word}"
    for word in (
        "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
        "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
        "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
        "source", "subField", "transform",
    )
}  # fmt: skip
_CROISSANT_TYPES: Final = {
    "string": "sc:Text", "bool": "sc:Boolean", "float": "sc:Float", "double": "sc:Float",
    "int8": "sc:Integer", "int16": "sc:Integer", "int32": "sc:Integer", "int64": "sc:Integer",
}  # fmt: skip
_FRICTIONLESS_TYPES: Final = {
    "sc:Text": "string", "sc:Boolean": "boolean", "sc:Float": "number", "sc:Integer": "integer"
}  # fmt: skip


def metadata(about: About, files: Sequence[ReleasedFile]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give the descriptions of a release by their names in it.

    Parameters
    ----------
    files
        Files of the release, of which the tables but `release` are described.
    """
    found = {file.key: file for file in files}
    names = [name for name in CANONICAL if name != "release"]
    keys = {name: release_key(about.release_version, f"{TABLES}{name}.parquet") for name in names}
    tables = {name: found[key] for name, key in keys.items() if key in found}
    yield CROISSANT, iter([json_bytes(croissant(about, tables))])
    yield DATA_PACKAGE, iter([json_bytes(data_package(about, tables))])
    yield DATACITE, iter([json_bytes(datacite(about, tables))])
    yield DICTIONARY, iter([dictionary(list(tables)).encode()])


def facts_of(field: pa.Field) -> dict[str, str]:
    """Give what a column says of itself."""
    return {name.decode(): text.decode() for name, text in (field.metadata or {}).items()}


def _told(field: pa.Field) -> str:
    """Give meaning, unit, meaning of null and source of a column as one text."""
    facts = facts_of(field)
    parts = [facts["description"]]
    parts += [f"Unit: {facts['unit']} (UCUM)"] if facts.get("unit") else []
    parts += [f"Null: {facts['null']}"] if facts.get("null") else []
    parts += [f"Values: {facts['values'].replace('|', ', ')}"] if facts.get("values") else []
    parts += [f"Source: {facts['source']}"] if facts.get("source") else []
    return ". ".join(parts) + "."


def _in_release(name: str) -> str:
    return f"{TABLES}{name}.parquet"


def croissant(about: About, tables: Mapping[str, ReleasedFile]) -> Json:
    """Give the release in Croissant 1.1 JSON-LD: a file object and a record set for each table."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": about.collection,
        "alternateName": about.title,
        "description": about.description,
        "license": about.license_url,
        "isAccessibleForFree": about.access_level == OPEN,
        "url": _url(about),
        "version": _three_numbers(about.release_version),
        "citeAs": about.citation,
        "creator": [{"@type": "sc:Organization", "name": name} for name in about.creators],
        "publisher": {"@type": "sc:Organization", "name": about.publisher},
        "isLiveDataset": False,
        **({"datePublished": about.published} if about.published else {}),
        **({"sameAs": f"https://doi.org/{about.concept_doi}"} if about.concept_doi else {}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{name}.parquet",
                "name": f"{name}.parquet",
                "description": CANONICAL[name].description,
                "contentUrl": _in_release(name),
                "contentSize": f"{file.size_bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": file.sha256,
            }
            for name, file in tables.items()
        ],
        "recordSet": [_record_set(CANONICAL[name]) for name in tables],
    }


def _url(about: About) -> str:
    """Give where people find the release: its DOI, else an address, else a name that leads nowhere."""
    if about.doi or about.concept_doi:
        return f"https://doi.org/{about.doi or about.concept_doi}"
    return about.web_address or about.address or f"urn:x-collection:{about.collection}"


def _three_numbers(version: str) -> str:
    """Give a CalVer version in the three numbers that SemVer has; further ones count as those of a build."""
    numbers = version.split(".")
    if not all(number.isdigit() for number in numbers):
        return version
    plain = [str(int(number)) for number in numbers]
    return ".".join([*plain, "0", "0"][:3]) + "".join(f"+{number}" for number in plain[3:])


def _record_set(table: Table) -> Json:
    # mlcroissant 1.1 loads a record set only if those that it refers to refer to none themselves.
    references = {one.column: one.table for one in table.references if not CANONICAL[one.table].references}
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.description,
        "key": [{"@id": f"{table.name}/{column}"} for column in table.key],
        "field": [_croissant_field(table.name, field, references) for field in table.schema],
    }


def _croissant_field(table: str, field: pa.Field, references: Mapping[str, str]) -> Json:
    made: Json = {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": _told(field),
        "dataType": _croissant_type(field.type),
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": field.name}},
    }
    if pa.types.is_list(field.type):
        made |= {"isArray": True, "arrayShape": "-1"}
    if field.name in references:
        target = references[field.name]
        made["references"] = {"field": {"@id": f"{target}/{CANONICAL[target].key[0]}"}}
    return made


def _croissant_type(kind: pa.DataType) -> str:
    return _CROISSANT_TYPES[str(kind.value_type if pa.types.is_list(kind) else kind)]


def data_package(about: About, tables: Mapping[str, ReleasedFile]) -> Json:
    """Give the release as a Data Package (version 2) with a table schema for each resource."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": about.collection,
        "id": f"https://doi.org/{about.doi}" if about.doi else f"{about.collection}/{about.release_version}",
        "title": about.title,
        "description": about.description,
        "version": about.release_version,
        "licenses": [{"name": about.license, "path": about.license_url}],
        "contributors": [{"title": name, "roles": ["creator"]} for name in about.creators],
        "resources": [
            {
                "name": name.replace("_", "-"),
                "title": name,
                "description": CANONICAL[name].description,
                "path": _in_release(name),
                "format": "parquet",
                "mediatype": PARQUET,
                "bytes": file.size_bytes,
                "hash": f"sha256:{file.sha256}",
                "schema": _table_schema(CANONICAL[name], tables),
            }
            for name, file in tables.items()
        ],
    }


def _table_schema(table: Table, tables: Mapping[str, ReleasedFile]) -> Json:
    return {
        "fields": [_frictionless_field(field) for field in table.schema],
        "primaryKey": list(table.key),
        "foreignKeys": [
            {
                "fields": [one.column],
                "reference": {
                    "resource": "" if one.table == table.name else one.table.replace("_", "-"),
                    "fields": [CANONICAL[one.table].key[0]],
                },
            }
            for one in table.references
            if one.table in tables
        ],
    }


def _frictionless_field(field: pa.Field) -> Json:
    facts, is_list = facts_of(field), pa.types.is_list(field.type)
    constraints: Json = {} if field.nullable else {"required": True}
    if not is_list:
        constraints |= {"enum": facts["values"].split("|")} if facts.get("values") else {}
        constraints |= {name: int(facts[name]) for name in ("minimum", "maximum") if facts.get(name)}
    kind = _FRICTIONLESS_TYPES[_croissant_type(field.type)]
    made: Json = {"name": field.name, "type": "array" if is_list else kind, "description": _told(field)}
    return made | ({"constraints": constraints} if constraints else {})


def datacite(about: About, tables: Mapping[str, ReleasedFile]) -> Json:
    """Give the metadata with which a DOI of this version is registered (DataCite Metadata Schema 4).

    Without a declared day or a CalVer version there is no publication year, which registration needs.
    """
    related = [
        {"relatedIdentifier": doi, "relatedIdentifierType": "DOI", "relationType": relation}
        for doi, relation in ((about.concept_doi, "IsVersionOf"), (about.previous_doi, "IsNewVersionOf"))
        if doi
    ]
    return {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        **({"doi": about.doi} if about.doi else {}),
        "titles": [{"title": about.title, "lang": "en"}],
        "creators": [{"name": name} for name in about.creators],
        "publisher": {"name": about.publisher},
        **({"publicationYear": about.year} if about.year else {}),
        **({"dates": [{"date": about.published, "dateType": "Issued"}]} if about.published else {}),
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Imaging collection"},
        "version": about.release_version,
        "language": "en",
        "descriptions": [{"description": about.description, "descriptionType": "Abstract", "lang": "en"}],
        "rightsList": [
            {
                "rights": about.license,
                "rightsUri": about.license_url,
                "rightsIdentifier": about.license,
                "rightsIdentifierScheme": "SPDX",
                "schemeUri": "https://spdx.org/licenses/",
            },
            _access_rights(about),
        ],
        "formats": ["application/dicom", PARQUET],
        "sizes": [f"{sum(file.size_bytes for file in tables.values())} bytes of tables"],
        "relatedIdentifiers": related,
    }


def _access_rights(about: About) -> Json:
    """Give who may read it, in the words of COAR, which repositories use beside a licence."""
    name, code = ("open access", "c_abf2") if about.access_level == OPEN else ("restricted access", "c_16ec")
    return {
        "rights": name,
        "rightsUri": f"{COAR}{code}",
        "rightsIdentifier": code,
        "rightsIdentifierScheme": "COAR Access Rights",
        "schemeUri": f"{COAR}scheme",
    }


def dictionary(tables: Sequence[str]) -> str:
    """Give the data dictionary as Markdown: every column of every table, from the schemas."""
    parts = [f"# Data dictionary\n\nEvery table of this release, and `release`.\n\n{_dictionary_of('release')}"]
    return "\n".join([*parts, *(_dictionary_of(name) for name in tables)])


def _dictionary_of(name: str) -> str:
    table = CANONICAL[name]
    head = ("column", "type", "unit", "meaning", "null means", "values", "source")
    rows = [
        (
            f"`{field.name}`",
            re.sub(r"list<item: (\w+)( not null)?>", r"list of \1", str(field.type)),
            facts.get("unit", ""),
            facts["description"],
            facts.get("null", "never null"),
            facts.get("values", "").replace("|", ", "),
            facts.get("source", ""),
        )
        for field, facts in ((field, facts_of(field)) for field in table.schema)
    ]
    lines = [head, ("---",) * len(head), *rows]
    keys = ", ".join(f"`{column}`" for column in table.key)
    links = "".join(f"`{one.column}` refers to `{one.table}`.\n" for one in table.references)
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {name}\n\n{table.description}\n\nKey: {keys}.\n{links}\n{body}\n"
