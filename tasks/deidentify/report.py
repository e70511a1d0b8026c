"""The conformance statement (PS3.15 section E.1): what is done with which attribute, made from the tables in force."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from config.deid.profile import TABLE, Profile, document_of_profile, is_pattern, tag_number
from config.deid.rows import rows_of
from tasks.deidentify.graphics import CLEAN_GRAPHICS
from tasks.deidentify.marks import dates_state, method_line
from tasks.deidentify.policy import is_removed_group
from tasks.deidentify.private import SAFE_PRIVATE

_CODES = {
    "D": "replaced by a value that is legal and the same for everybody",
    "Z": "emptied; replaced as D where the object must have a value",
    "X": "removed; emptied or replaced where the object must always have it",
    "K": "kept, sequences item by item under the same rules",
    "C": "cleaned: dates moved, text looked through word by word, sequences item by item",
    "U": "UIDs replaced, the same for the same",
    "X/Z, X/D, X/Z/D, Z/D": "as the Type of the attribute in the IOD asks: 3 is removed, 2 emptied, 1 replaced",
    "new": "written anew, with nothing of the source's",
    "X/Z/U*": "as before; a sequence of references keeps its items, with UIDs replaced",
}
_FILE_META = 0x0002
_PATTERNS_THAT_GO = ("(50xx,xxxx)", "(60xx,4000)")
_UIDS = (
    "A UID is replaced by one that a key and the UID alone decide. It is the same for every object, study, batch and"
    " run of all sites that share the key, so references hold also to what has not come yet. UIDs that the standard"
    " registers stay. A new key makes new UIDs."
)
_RETAINED = "UIDs are kept as they are."
_NOT_CLAIMED = (
    "Neither Clean Pixel Data (113101) nor Clean Recognizable Visual Features (113102) is claimed: pixels are not"
    " searched for burned-in text, and faces are not altered. Objects whose class or header hints at text in their"
    " pixels are held."
)


def conformance_statement(profile: Profile) -> str:
    """Give the conformance statement of a profile as Markdown; the same profile gives the same text."""
    parts = chain(
        ["# Conformance statement of the de-identification\n"],
        _editions(profile),
        ["\n## Options\n"],
        _options(profile),
        ["\n## UIDs and dates\n", _RETAINED if "rtn_uids" in profile.options else _UIDS, "", _dates(profile)],
        ["\n## Pixels\n", _NOT_CLAIMED],
        ["\n## What the codes mean\n"],
        _table(("code", "what is done"), _CODES.items()),
        ["\n## Attributes of Table E.1-1\n"],
        _table(("tag", "attribute", "Basic Profile", "here", "by"), _attributes(profile)),
        ["\n## Attributes outside Table E.1-1\n"],
        _outside(),
        ["\n## Private elements\n"],
        _private(profile),
        ["\n## SOP classes\n"],
        _table(("SOP class", "UID", "what becomes of it"), _classes(profile)),
    )
    return "\n".join(parts) + "\n"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _editions(profile: Profile) -> Iterator[str]:
    facts = (
        ("DICOM PS3.15 Table E.1-1", f"edition {profile.edition}, {len(rows_of(TABLE))} rows"),
        ("DICOM PS3.15 Table E.3.10-1", f"edition {profile.edition}, {len(profile.safe_private)} rows"),
        ("DICOM PS3.16 CID 7050", f"edition {profile.edition}"),
        ("digest of all tables and decisions", profile.digest),
        ("De-identification Method (0012,0063)", method_line(profile)),
        ("Longitudinal Temporal Information Modified (0028,0303)", dates_state(profile.options)),
    )
    return _table(("what", "which"), facts)


def _options(profile: Profile) -> Iterator[str]:
    written = {code.value for code in profile.method}
    columns = [row for row in rows_of("cid_7050.csv") if row["context_group"] == "7050"]
    rows = (
        (row["code_value"], row["code_meaning"], "on" if row["code_value"] in written else "off") for row in columns
    )
    return _table(("code", "option", "here"), rows)


def _dates(profile: Profile) -> str:
    match dates_state(profile.options):
        case "UNMODIFIED":
            return "Dates are kept as they are."
        case "MODIFIED":
            return (
                "All dates of a subject move together by a whole number of weeks that a key and the subject decide;"
                " intervals and times of day stay. Dates that are placeholders or no dates go."
            )
        case _:
            return "Dates are removed, emptied or replaced."


def _attributes(profile: Profile) -> Iterator[tuple[str, ...]]:
    """Give the rows of the table with what is done here and by which option or decision."""
    reasons = _reasons(profile)
    for row in rows_of(TABLE):
        code, by = _of_pattern(row, profile) if is_pattern(row["tag"]) else _of_tag(row, profile, reasons)
        yield row["tag"], row["name"], row["basic_profile"], code, by


def _of_tag(row: Mapping[str, str], profile: Profile, reasons: Mapping[int, str]) -> tuple[str, str]:
    tag = tag_number(row["tag"])
    if is_removed_group(tag, profile):
        return (
            ("new", "File meta information is written anew")
            if tag >> 16 == _FILE_META
            else ("X", "The whole group goes")
        )
    attribute = profile.attributes[tag]
    return attribute.code, attribute.option or reasons.get(tag, "")


def _of_pattern(row: Mapping[str, str], profile: Profile) -> tuple[str, str]:
    """Give what is done with private elements, and with curves and overlays, of which only planes may stay."""
    option = next((option for option in (SAFE_PRIVATE, CLEAN_GRAPHICS) if row[option]), "")
    if option not in profile.options or row["tag"] in _PATTERNS_THAT_GO:
        return "X", "The whole group goes"
    return row[option], option


def _reasons(profile: Profile) -> dict[int, str]:
    overrides = document_of_profile()["override"]
    in_force = (override for override in overrides if override.get("unless", "") not in profile.options)
    return {tag_number(tag): override["reason"] for override in in_force for tag in override["tags"]}


def _outside() -> Iterator[str]:
    yield "UIDs are replaced, numbers and defined terms stay, and these stay if their values are what they should be:"
    yield ""
    yield from _table(
        ("tag", "attribute", "kept as", "why"),
        ((row["tag"], row["keyword"], row["kept"], row["reason"]) for row in rows_of("kept.csv")),
    )
    yield ""
    yield "Everything else that holds text, bytes or dates is removed, and so are tags that the edition does not know."
    yield "These groups are removed first:"
    yield ""
    yield from _table(
        ("groups", "why"),
        ((f"{row['first']}-{row['last']}", row["reason"]) for row in document_of_profile()["removed_groups"]),
    )


def _private(profile: Profile) -> Iterator[str]:
    if SAFE_PRIVATE not in profile.options:
        yield "All private elements are removed."
        return
    yield "An element stays if Table E.3.10-1 knows it by its creator, group and place in the block, in any block, and"
    yield "if its value is what the table says: numbers, terms, UIDs (replaced), and text without an unknown word."
    yield "Opaque bytes go. What an object says of the safety of its private elements has no weight."
    yield ""
    counts = Counter(creator for creator, _, _ in profile.safe_private)
    yield from _table(("private creator", "elements"), ((name, str(count)) for name, count in sorted(counts.items())))


def _classes(profile: Profile) -> Iterator[tuple[str, str, str]]:
    for uid, sop_class in profile.sop_classes.items():
        yield sop_class.name, uid, f"held: {sop_class.rule_id}" if sop_class.rule_id else f"passes: {sop_class.pixels}"
    yield "all others", "", "held: DE-SOP-CLASS"
