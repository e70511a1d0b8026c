"""The proposals of one table put together: its shape, its patient id, which of several stays a column is of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from config.fields import EVENT, EVENT_KIND, PATIENT_ID, Form, field_of
from config.vocab.headers import words_of
from tasks.harmonize.drafting.proposals import Proposal, undecided
from tasks.harmonize.drafting.tables import RawTable

BY_OTHER_COLUMNS = 0.75
_ONCE = ("subject", EVENT, PATIENT_ID)
_NAAT = frozenset({"pcr", "naat", "molecular"})
_COVID = frozenset({"covid", "sars", "swab", "tampone"}) | _NAAT


@dataclass(frozen=True, slots=True)
class TableDraft:
    """One table as the draft declares it: columns that are read, those that are not, and what a person must decide.

    `shape` is empty where no column names the patient, so that nothing of the table can be read.
    """

    table: RawTable
    shape: str
    used: tuple[Proposal, ...] = ()
    rest: tuple[Proposal, ...] = ()
    constant: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()


def arranged(table: RawTable, proposals: Mapping[str, Sequence[Proposal]]) -> TableDraft:
    """Decide between the proposals of a table's columns, so that no field is named twice."""
    patient = best_of(proposals, PATIENT_ID)
    if patient is None:
        rest = [undecided(header, facts, "") for header, facts in table.columns.items()]
        return TableDraft(table, "", rest=tuple(rest), questions=("no column names the patient: which one does",))
    kind = best_of(proposals, EVENT_KIND)
    fixed = {one.header: one for one in (kind, patient) if one}
    chosen = [fixed.get(header) or _chosen(header, found, table, is_long=kind is not None)
              for header, found in proposals.items()]  # fmt: skip
    used, twice = _once_each(_with_slots(one for one in chosen if one.is_used))
    rest = [one for one in chosen if not one.is_used]
    order = list(table.columns)
    constant, questions = _constants(table, used)
    used = _with_file_order(used)
    return TableDraft(
        table,
        "long" if kind else "wide",
        tuple(sorted(used, key=lambda one: order.index(one.header))),
        tuple(sorted([*rest, *twice], key=lambda one: order.index(one.header))),
        constant,
        questions,
    )


def best_of(proposals: Mapping[str, Sequence[Proposal]], name: str) -> Proposal | None:
    """Give the most confident proposal of a field that stands once in a table, the first of equals."""
    found = [one for several in proposals.values() for one in several if one.field == name and one.is_used]
    return max(found, key=lambda one: one.confidence) if found else None


def _chosen(header: str, found: Sequence[Proposal], table: RawTable, *, is_long: bool) -> Proposal:
    """Give the best proposal of a column that is neither the patient id nor the kind of event."""
    possible = [
        one
        for one in found
        if one.field not in {PATIENT_ID, EVENT_KIND} and (is_long or not one.field.startswith(f"{EVENT}."))
    ]
    if possible:
        return possible[0]
    if found and found[0].field == PATIENT_ID:
        return undecided(header, table.columns[header], "a second id: another column is more likely the patient's")
    return undecided(header, table.columns[header], "no known word in the header")


def _with_slots(chosen: Iterable[Proposal]) -> list[Proposal]:
    """Tell the stays and tests of a wide row apart: columns with the same number or word in their header are of one."""
    ordinals: dict[str, list[tuple[str, ...]]] = {}
    found = []
    for one in chosen:
        kind = one.field.partition(".")[0]
        if kind in _ONCE:
            found.append(one)
            continue
        seen = ordinals.setdefault(kind, [])
        if one.ordinal not in seen:
            seen.append(one.ordinal)
        found.append(replace(one, slot=1 + seen.index(one.ordinal)))
    return found


def _once_each(chosen: Sequence[Proposal]) -> tuple[list[Proposal], list[Proposal]]:
    """Part the proposals into one per field and slot, and those that another column already is."""
    best: dict[tuple[str, object, int], Proposal] = {}
    twice = []
    for one in sorted(chosen, key=lambda one: -one.confidence):
        first = best.setdefault((one.field, one.options.get("name"), one.slot), one)
        if first is not one:
            reason = f'"{first.header}" is {first.field} already'
            twice.append(replace(one, field="", confidence=0.0, evidence=reason, questions=("which of the two is it",)))
    return list(best.values()), twice


def _with_file_order(used: Sequence[Proposal]) -> list[Proposal]:
    """Read dates that prove no order as the file's other dates, where these prove one; a person has to confirm it."""
    orders = {one.options["date"] for one in used if one.options.get("date") in {"dmy", "mdy"}}
    if len(orders) != 1:
        return list(used)
    (order,) = orders
    return [_ordered(one, str(order)) if _is_open_date(one) else one for one in used]


def _is_open_date(one: Proposal) -> bool:
    kind = field_of(one.field)
    return kind is not None and kind.form is Form.DATE and "date" not in one.options and bool(one.questions)


def _ordered(one: Proposal, order: str) -> Proposal:
    if any("both orders" in question or "two digits" in question for question in one.questions):
        return one
    return replace(
        one,
        confidence=min(one.confidence, BY_OTHER_COLUMNS),
        options={**one.options, "date": order},
        questions=(f"its dates prove no order; {order} is that of the other dates of this file: confirm it",),
    )


def _constants(table: RawTable, used: Sequence[Proposal]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Name the test that a table tells of, and its class, where no column does and words of the file say so."""
    fields = {one.field for one in used}
    if not _has_tests(used, fields) or "test.loinc" in fields:
        return {}, ()
    words = {word for text in (table.name, *table.columns) for word in words_of(text)}
    for one in used:
        if one.field in {"test.class", EVENT_KIND}:
            words |= {word for text in table.columns[one.header].texts for word in words_of(text)}
    constant, questions = {}, []
    if "test.name" not in fields:
        constant["test.name"] = "COVID-19"
        why = "words of the file say so" if words & _COVID else "nothing in the file says so"
        questions.append(f"are all its tests for SARS-CoV-2 ({why}): else remove the constant test.name")
    if "test.class" not in fields and words & _NAAT:
        constant["test.class"] = "naat"
        questions.append("are all its tests PCR or other nucleic acid tests: else remove the constant test.class")
    if "test.class" not in {*fields, *constant}:
        questions.append("of which class are its tests: add test.class (naat, antigen, antibody) to its constants")
    return constant, tuple(questions)


def _has_tests(used: Sequence[Proposal], fields: set[str]) -> bool:
    codes = [one.options.get("codes") for one in used if one.field == EVENT_KIND]
    kinds = {kind for one in codes if isinstance(one, dict) for kind in one.values()}
    return "test" in kinds or any(name.startswith("test.") for name in fields)
