"""A draft as the text of a site file that loads as it stands: each proposal with its confidence and its evidence."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from config.fields import EVENT_KIND, PATIENT_ID
from config.rules import next_steps
from config.site import LANGUAGES
from config.vocab.headers import words_of
from tasks.harmonize.drafting.arrangement import TableDraft
from tasks.harmonize.drafting.draft import SiteDraft
from tasks.harmonize.drafting.proposals import Proposal

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")
_BARE = re.compile(r"[a-z0-9_]{1,40}")
_INLINE_CODES = 3  # more are a table of their own


def decisions_of(draft: SiteDraft) -> list[str]:
    """Give what a person must decide, in the order of the file."""
    return [f"{place}: {question}" for place, question in _questions(draft)]


def site_file(draft: SiteDraft, batch: str) -> str:
    """Give the draft as TOML.

    Parameters
    ----------
    batch
        Name of the batch that it was made from.
    """
    codes = _named_codes(draft)
    asked = [f"#  {number:2}. {_comment(text)}" for number, text in enumerate(decisions_of(draft), start=1)]
    lines = [
        f"# Draft of the site file of {draft.code}, from its batch {batch}. No cell of a patient stands in it.",
        "# The number behind a column is how sure the proposal is, from 0 to 1; what follows is the evidence.",
        "#",
        "# A person must decide:",
        *asked,
        "",
        'name = ""',
        f"country = {_text(draft.country.code)}  # {draft.country.confidence:.2f}: {draft.country.evidence}",
        *(
            [f"language = {_text(draft.language)}  # in which months are written"]
            if draft.language in LANGUAGES
            else []
        ),
        f"id_issuer = {_text(draft.code)}",
        *([f"profile = {_text(draft.profile)}  # 0.95: files have its names and columns"] if draft.profile else []),
        *_not_read(draft),
        "",
        *_index(draft),
        *_facts(draft),
        *_code_tables(codes),
    ]
    for place, (pattern, table) in enumerate(draft.tables):
        lines.extend(_table(pattern, table, {name[1]: used for name, used in codes.items() if name[0] == place}))
    return "\n".join(lines) + "\n"


Codes = dict[tuple[int, str], tuple[str, Mapping[str, str]]]  # name and codes by table and header


def _named_codes(draft: SiteDraft) -> Codes:
    """Give a name to every code set that is too long for a line."""
    found: Codes = {}
    for place, (_, table) in enumerate(draft.tables):
        for one in table.used:
            codes = one.options.get("codes")
            if isinstance(codes, dict) and len(codes) > _INLINE_CODES:
                slug = "_".join(words_of(one.header))
                base = slug if _BARE.fullmatch(slug) else "codes"
                taken = {name for name, _ in found.values()}
                name = next(name for name in (base, *(f"{base}_{n}" for n in range(2, 1000))) if name not in taken)
                found[place, one.header] = (name, codes)
    return found


def _questions(draft: SiteDraft) -> Iterator[tuple[str, str]]:
    yield "name", "who the site is"
    yield "country", f"is it {draft.country.code}; US rules for race and postal codes hold for US only"
    yield "id_issuer", "does another site share these patient ids"
    fields = {one.field for _, table in draft.tables for one in table.used}
    kinds = {name.partition(".")[0] for name in fields} | _kinds_of_rows(draft)
    yield "index", "which event days count from"
    yield from (
        (f"facts.{fact}", f"is every {what} sent, so that none means No")
        for kind, fact, what in (("icu_stay", "sends_icu", "ICU stay"),
                                 ("breathing_support", "sends_breathing_support", "ventilation"))
        if kind in kinds
    )  # fmt: skip
    for name, rule in draft.not_read:
        yield name, f"it was not read ({rule}): {next_steps()[rule]}"
    for pattern, table in draft.tables:
        place = f"{pattern} sheet {table.table.layout.sheet}" if table.table.layout.sheet else pattern
        yield from ((place, question) for question in _of_table(table))
        for one in (*table.used, *table.rest):
            yield from ((f"{place}, {_quoted(one.header)}", question) for question in one.questions)


def _of_table(table: TableDraft) -> Iterator[str]:
    yield from table.questions
    ids = [one.header for one in table.used if one.field == PATIENT_ID]
    yield from (f"is {_quoted(header)} what DICOM holds as Patient ID" for header in ids)
    if table.table.is_encoding_proposed:
        yield f"its encoding is proposed by its letters ({table.table.layout.encoding}): do names read well in it"


def _kinds_of_rows(draft: SiteDraft) -> set[str]:
    codes = [one.options.get("codes") for _, table in draft.tables for one in table.used if one.field == EVENT_KIND]
    return {str(kind) for one in codes if isinstance(one, dict) for kind in one.values()}


def _not_read(draft: SiteDraft) -> list[str]:
    if not draft.codebooks:
        return []
    return [f"not_read = [{', '.join(map(_text, draft.codebooks))}]  # describes the columns of the others"]


def _index(draft: SiteDraft) -> list[str]:
    if draft.profile:
        return ["[index]", 'event = "First Imaging Study"  # of cases that name no other', ""]
    fields = {one.field for _, table in draft.tables for one in table.used}
    kinds = _kinds_of_rows(draft)
    if "subject.index_date" in fields:
        return ["[index]", 'event = "Study Enrollment"', 'found_by = "column"  # 0.60: there is a column for it', ""]
    if {"test.start", "test.result"} <= fields or "test" in kinds:
        found = 'found_by = "first_positive_test"  # 0.70: tests are sent'
        return ["[index]", 'event = "COVID-19 Test"', found, ""]
    return ["# [index]  # days count from the first study of a subject unless this says otherwise", ""]


def _facts(draft: SiteDraft) -> list[str]:
    lines = [
        "[facts]",
        "# go_live = 2000-01-01  # no study is from an earlier year",
        "# sends_icu = true",
        "# sends_breathing_support = true",
    ]
    if draft.country.code != "US" and any(one.field == "subject.race" for _, t in draft.tables for one in t.used):
        lines.append('race_scheme = "of the site"')
    return [*lines, ""]


def _code_tables(codes: Codes) -> list[str]:
    lines: list[str] = []
    for name, used in codes.values():
        lines += [f"[codes.{name}]", *(f"{_text(code)} = {_text(value)}" for code, value in used.items()), ""]
    return lines


def _table(pattern: str, draft: TableDraft, codes: Mapping[str, tuple[str, Mapping[str, str]]]) -> list[str]:
    layout, shape = draft.table.layout, draft.shape
    mark = "" if shape else "# "
    lines = ["[[tables]]", f"pattern = {_text(pattern)}"]
    if layout.format in {"csv", "tsv"}:
        lines.append(f"delimiter = {_text(layout.delimiter)}")
        if not layout.encoding.startswith("utf"):
            lines.append(f"encoding = {_text(layout.encoding)}")
    lines += [f"format = {_text(layout.format)}", *([f"sheet = {_text(layout.sheet)}"] if layout.sheet else [])]
    lines += [f"shape = {_text(shape or 'wide')}"]
    if draft.constant:
        lines.append(f"constant = {_value(draft.constant)}")
    lines += ["", "[tables.columns]"]
    lines = [mark + line for line in lines]
    if not shape:
        lines.insert(0, "# Not drafted: " + "; ".join(draft.questions))
    lines += [_column(one, codes.get(one.header)) for one in draft.used]
    lines += [_left_out(one) for one in draft.rest]
    return [*lines, ""]


def _column(one: Proposal, named: tuple[str, Mapping[str, str]] | None) -> str:
    options: dict[str, object] = {"field": one.field, **one.options}
    if named:
        options["codes"] = named[0]
    if one.slot > 1:
        options["slot"] = one.slot
    value = _text(one.field) if list(options) == ["field"] else _value(options)
    return f"{_text(one.header)} = {value}  # {one.confidence:.2f}: {_comment(one.evidence)}"


def _left_out(one: Proposal) -> str:
    maybe = f"perhaps {one.field} ({one.confidence:.2f}): " if one.field else ""
    reason = "; ".join(filter(None, (maybe + one.evidence, *one.questions)))
    return f'# {_quoted(one.header)} = ""  # {_comment(reason)}'


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(name))} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value) if isinstance(value, int) else _text(str(value))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """Give a TOML basic string (TOML 1.0): JSON's, but that DEL is escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted(header: str) -> str:
    return _comment(_text(header))


def _comment(text: str) -> str:
    """Give a text as it may stand in a comment: on one line, without control characters."""
    return _CONTROL.sub(" ", text)


def draft_rows(draft: SiteDraft) -> list[dict[str, object]]:
    """Give one row per column to show: file, header, field, confidence, evidence; an empty field is not read."""
    return [
        {
            "file": pattern,
            "column": one.header,
            "field": one.field if one.is_used else "",
            "sure": f"{one.confidence:.2f}" if one.field else "",
            "evidence": "; ".join(filter(None, (_shown_as(one), one.evidence))),
        }
        for pattern, table in draft.tables
        for one in (*table.used, *table.rest)
    ]


def _shown_as(one: Proposal) -> str:
    """Give which measurement a column is, and in which unit."""
    name, unit = (str(one.options.get(option, "")) for option in ("name", "unit"))
    return f"{name} in {unit}" if name and unit else name
