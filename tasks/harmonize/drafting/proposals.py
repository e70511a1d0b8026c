"""Which field each column of a table is: proposals with confidence and evidence, one column looked at by itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from config.fields import EVENT, EVENT_KIND, PATIENT_ID, Field, Form, field_of
from config.vocab import fold
from config.vocab.headers import NOT_READ, event_words, words_of
from config.vocab.measurements import conversions, measurements
from tasks.harmonize.drafting.codebook import Codebook, Entry
from tasks.harmonize.drafting.headers import HeaderMatch, header_matches, unit_of
from tasks.harmonize.drafting.tables import ColumnFacts, RawTable
from tasks.harmonize.drafting.values import Setting, fit_of, is_date, is_number

HIGHEST = 0.98  # nobody has said so yet
BY_LABEL, BY_FILE, BY_VALUES, WITHOUT_CELLS = 0.95, 0.78, 0.6, 0.75
LEAST = 0.5  # below it a proposal is shown and not used
_LEAST_FIT = 0.5
_BY_VALUES = ("condition.code", "test.loinc", "subject.sex", "breathing_support.device")
_ALL_BY_VALUES = 0.95
_AMERICAN = frozenset({"subject.ethnicity", "subject.race_ethnicity"})
_LABORATORY = frozenset({"test", "measurement"})  # files of these names hold either
_AS_MEASURED = {"result": "value"}
_MONTHS = frozenset({"months", "month", "mo", "mos", "meses", "mois", "monate", "mesi"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A field for a column; an empty field is none, and `reason` says why."""

    header: str
    field: str
    confidence: float
    evidence: str
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    questions: tuple[str, ...] = ()
    ordinal: tuple[str, ...] = ()
    slot: int = 1

    @property
    def is_used(self) -> bool:
        """Whether the draft reads the column."""
        return bool(self.field) and self.confidence >= LEAST


def proposals_of(table: RawTable, codebook: Codebook, setting: Setting) -> dict[str, list[Proposal]]:
    """Give the proposals for every column, the most confident first; none where nothing is known."""
    kind = kind_of_name(table)
    found = {
        header: _of_column(header, facts, _entry(codebook, header), (kind, setting))
        for header, facts in table.columns.items()
    }
    left_out = _of_other_kind([proposals[0] for proposals in found.values() if proposals and proposals[0].is_used])
    return {
        header: [one for one in proposals if not one.field.startswith(left_out)] for header, proposals in found.items()
    }


def _of_other_kind(used: Sequence[Proposal]) -> tuple[str, ...]:
    """Give the kinds that a table does not hold: one of a laboratory has tests or measurements, not both."""
    fields = {one.field for one in used}
    if any("name" in one.options for one in used):
        return ()
    is_measured = "measurement.value" in fields and bool(fields & {"measurement.name", "measurement.loinc"})
    return ("test.",) if is_measured else ("measurement.",)


def kind_of_name(table: RawTable) -> str:
    """Give the kind of event that a file or sheet is named after, or nothing."""
    stem = table.layout.sheet or table.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    words = words_of(stem)
    singular = tuple(word.removesuffix("s") for word in words)
    for known, (kind, _) in sorted(event_words().items(), key=lambda pair: -len(pair[0])):
        if set(known) <= set(words) or set(known) <= set(singular):
            return kind
    return ""


def undecided(header: str, facts: ColumnFacts, reason: str) -> Proposal:
    """Give the proposal to read a column as nothing."""
    return Proposal(
        header, "", 0.0, reason, questions=() if reason.startswith("not read") else (_looks(header, facts),)
    )


def _looks(header: str, facts: ColumnFacts) -> str:
    if not facts.filled:
        return "the column is empty"
    if facts.share(is_number) > _ALL_BY_VALUES:
        return f"numbers of what{f', in {unit_of(header)}' if unit_of(header) else ''}"
    if facts.share(is_date) > _ALL_BY_VALUES:
        return "a date of what"
    return f"{len(facts.texts)} distinct texts in {facts.filled} cells: what do they say"


def _entry(codebook: Codebook, header: str) -> Entry:
    return codebook.get(" ".join(header.casefold().split()), Entry())


def _of_column(header: str, facts: ColumnFacts, entry: Entry, about: tuple[str, Setting]) -> list[Proposal]:
    kind, setting = about
    matches = _with_label(header_matches(header), entry)
    matches = [named for match in matches for named in (match, *_by_file(match, kind))]
    matches = matches if setting.is_us else [_in_own_scheme(match) for match in matches]
    if matches and matches[0].field == NOT_READ and matches[0].score >= BY_LABEL:
        return [Proposal(header, "", 0.0, f'not read: "{matches[0].words}" may identify a person and is not needed')]
    if entry.is_identifier and not any(match.field == PATIENT_ID for match in matches):
        return [Proposal(header, "", 0.0, "not read: the code book marks it as an identifier")]
    found = [_proposal(header, match, facts, (entry, setting)) for match in matches if match.field != NOT_READ]
    found = [one for one in found if one.confidence > 0]
    if not any(one.is_used for one in found):
        found += _by_values(header, facts, setting)
    return sorted(found, key=lambda one: (-one.confidence, one.field))


def _with_label(matches: list[HeaderMatch], entry: Entry) -> list[HeaderMatch]:
    """Add what the label of the code book says, a little less sure than the header itself."""
    labelled = [replace(one, score=one.score * BY_LABEL) for one in header_matches(entry.label)] if entry.label else []
    best: dict[tuple[str, str], HeaderMatch] = {}
    for match in [*matches, *labelled]:
        if match.score > best.get((match.field, match.name), replace(match, score=0.0)).score:
            best[match.field, match.name] = match
    return sorted(best.values(), key=lambda match: (-match.score, match.field, match.name))


def _by_file(match: HeaderMatch, kind: str) -> list[HeaderMatch]:
    """Read a plain start or end in a file of one kind of event as that kind's, a test's column as a measurement's."""
    owner, _, attribute = match.field.partition(".")
    score = match.score * (BY_FILE if owner == EVENT else 1)
    names = [f"{kind}.{attribute}"] if owner == EVENT and kind else []
    if kind in _LABORATORY and owner in {EVENT, "test"}:
        names.append(f"measurement.{_AS_MEASURED.get(attribute, attribute)}")
    if kind == "medication" and owner == "measurement":
        names.append(f"medication.{attribute}")
    words = f"{match.words}, in a file of {kind}"
    return [replace(match, field=one, score=score, words=words) for one in dict.fromkeys(names) if field_of(one)]


def _in_own_scheme(match: HeaderMatch) -> HeaderMatch:
    """Read ethnicity outside the US as the one category of a site's own scheme: the two questions are American."""
    return replace(match, field="subject.race") if match.field in _AMERICAN else match


def _proposal(header: str, match: HeaderMatch, facts: ColumnFacts, about: tuple[Entry, Setting]) -> Proposal:
    kind = field_of(match.field)
    said = f'"{match.words}" ({match.language})'
    if kind is None or not facts.filled:
        confidence = 0.0 if match.field in {PATIENT_ID, EVENT_KIND} else match.score * WITHOUT_CELLS
        return Proposal(header, match.field, confidence, f"{said}; the column is empty", ordinal=match.ordinal)
    fit = fit_of(match.field, kind, facts, *about)
    confidence = min(match.score * (0.5 + 0.5 * fit.share), HIGHEST) if fit.share >= _LEAST_FIT else 0.0
    options, questions = _measured(header, match.name, facts) if match.name else (_unit(header, kind), ())
    return Proposal(
        header,
        match.field,
        round(confidence, 2),
        f"{said}; {fit.evidence}",
        {**fit.options, **options},
        (*fit.questions, *questions),
        match.ordinal,
    )


def _measured(header: str, name: str, facts: ColumnFacts) -> tuple[dict[str, object], tuple[str, ...]]:
    """Give the options of a column that is one measurement, and what stays open: a unit is never told by its values."""
    unit = unit_of(header) or next((word for word in words_of(header)[::-1] if (name, fold(word)) in conversions()), "")
    if (name, fold(unit)) in conversions():
        return {"name": name, "unit": unit}, ()
    bounds = measurements()[name]
    inside = facts.share(
        lambda text: is_number(text) and bounds.low <= float(text.strip("<> ").replace(",", ".")) <= bounds.high
    )
    return {"name": name}, (
        f"in which unit is it: set unit ({inside:.0%} of its values are plausible in {bounds.unit})",
    )


def _unit(header: str, kind: Field) -> dict[str, object]:
    """Give the unit that a header names, of an age only if it is months: years go without saying."""
    unit = unit_of(header)
    if unit and kind.form is Form.NUMBER:
        return {"unit": unit}
    is_months = set(words_of(header)) & _MONTHS
    return {"unit": "months"} if kind.form is Form.AGE and is_months else {}


def _by_values(header: str, facts: ColumnFacts, setting: Setting) -> list[Proposal]:
    """Propose a field by the cells alone, where words or codes of it can hardly be anything else."""
    found = []
    for name in _BY_VALUES:
        kind = field_of(name)
        if kind is None or facts.filled < len(_BY_VALUES) or len(facts.texts) < 2:  # noqa: PLR2004 -- one is no pattern
            continue
        fit = fit_of(name, kind, facts, Entry(), setting)
        is_named = all(len(text) > 1 for text in facts.texts) or "codes" not in fit.options
        if fit.share >= _ALL_BY_VALUES and is_named and not fit.questions:
            found.append(Proposal(header, name, BY_VALUES, f"by its cells alone: {fit.evidence}", fit.options))
    return found
