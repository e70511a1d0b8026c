"""Whether the cells of a column look like a field, and how they are then to be read; says counts, never a value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from config.fields import DETAIL, EVENT_DETAIL, EVENT_KIND, KINDS, Field, Form
from config.vocab import candidate_sets, code_sets, fold
from config.vocab.headers import event_words, words_of
from tasks.harmonize.ages import decide_age
from tasks.harmonize.dates import FORMS, ISO
from tasks.harmonize.decisions import Vote, date_vote
from tasks.harmonize.drafting.codebook import Entry
from tasks.harmonize.drafting.tables import ColumnFacts
from tasks.harmonize.terminology import decide_diagnosis, decide_drug, decide_loinc, decide_unit

MOST_CODES = 30  # distinct texts; a column with more is no coded one
FEWEST_TO_SHOW = 3  # patients; a rarer text may be one person's
LONGEST_CODE = 40  # characters
UNKNOWN_CODES = 0.8  # how far few distinct texts without a meaning speak for a coded column
_EIGHT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\.0)?")
_SHORT = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}")
_NUMBER = re.compile(r"[<>]?\s*-?\d+(?:[.,]\d{3})*(?:[.,]\d+)?")
_ZIP = re.compile(r"\d{3}|\d{5}(-?\d{4})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_DRUG = "medication.name"  # a vocabulary of drugs is not part of this
_AGE_SENTINELS = ("999", "9999", "-1", "-9", "-99", "888")


@dataclass(frozen=True, slots=True)
class Fit:
    """How far cells agree with a field, from 0 to 1; in what words; options of the column; and what stays open."""

    share: float
    evidence: str
    options: Mapping[str, object] = field(default_factory=dict)
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known besides the cells: the language of the site's headers, and whether it is in the US."""

    language: str
    is_us: bool


def fit_of(name: str, kind: Field, facts: ColumnFacts, entry: Entry, setting: Setting) -> Fit:
    """Tell how the cells of a column agree with a field.

    Parameters
    ----------
    name
        The field.
    entry
        What a code book says of the column.
    """
    if name in {EVENT_KIND, EVENT_DETAIL}:
        return _event_kinds(facts) if name == EVENT_KIND else _event_details(facts)
    match kind.form:
        case Form.CODE | Form.CODES:
            return _coded(name, kind, facts, entry, setting)
        case Form.DATE:
            return _dates(facts, entry)
        case Form.AGE:
            return _ages(facts)
        case form:
            return _plain(form, facts)


def _plain(form: Form, facts: ColumnFacts) -> Fit:
    if form is Form.ID:
        return Fit(facts.filled / max(facts.rows, 1), f"{len(facts.texts)} distinct in {facts.filled} cells")
    words, holds = _PLAIN.get(form, ("", bool))
    return Fit(facts.share(holds), f"{_percent(facts.share(holds))} {words}")


_PLAIN: Mapping[Form, tuple[str, Callable[[str], object]]] = {
    Form.NUMBER: ("are numbers", _NUMBER.fullmatch),
    Form.ZIP: ("have the form of a US postal code", _ZIP.fullmatch),
    Form.COUNTRY: ("have the form of an ISO 3166-1 code", lambda text: _COUNTRY.fullmatch(text.upper())),
    Form.LOINC: ("are LOINC codes with a right check digit", lambda text: decide_loinc(text)[0]),
    Form.DRUG: ("have the form of ATC or RxNorm codes", lambda text: decide_drug(text)[0]),
    Form.UNIT: ("are short enough for units", lambda text: decide_unit(text)[0]),
    Form.DIAGNOSIS: ("have the form of ICD-10 or SNOMED CT codes", lambda text: decide_diagnosis(text)[0]),
}


def shown_codes(facts: ColumnFacts) -> dict[str, int]:
    """Give the texts of a coded column that are safe to show: short, few of them, and of several patients each."""
    if len(facts.texts) > MOST_CODES:
        return {}
    return {
        text: facts.texts[text] for text, n in facts.people.items() if n >= FEWEST_TO_SHOW and len(text) <= LONGEST_CODE
    }


def is_date(text: str) -> bool:
    """Tell whether a text has the form of a date."""
    return any(form.fullmatch(text) for form in (_EIGHT, _SHORT, *FORMS))


def is_number(text: str) -> bool:
    """Tell whether a text has the form of a number, with a point or a comma."""
    return _NUMBER.fullmatch(text) is not None


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{share:.0%}"


def _dates(facts: ColumnFacts, entry: Entry) -> Fit:
    share = facts.share(is_date)
    vote = date_vote(facts.texts)
    forms = {"YYYY-MM-DD": ISO, "YYYYMMDD": _EIGHT, "two-digit years": _SHORT}
    seen = [name for name, form in forms.items() if facts.share(form.fullmatch) > 0]
    evidence = f"{_percent(share)} have the form of dates" + (f" ({', '.join(seen)})" if seen else "")
    if vote != Vote(0, 0, 0):
        evidence += f"; {vote}"
    order = _order(vote)
    if not order and not (vote.day_first or vote.month_first):
        order = entry.date_order if vote.open else "iso" if seen and "two-digit years" not in seen else ""
    questions = _date_questions(vote, order, facts)
    if entry.date_order and entry.date_order == order:
        evidence += "; the code book says the same"
    return Fit(share, evidence, {"date": order} if order else {}, tuple(questions))


def _order(vote: Vote) -> str:
    if bool(vote.day_first) == bool(vote.month_first):
        return ""
    return "dmy" if vote.day_first else "mdy"


def _date_questions(vote: Vote, order: str, facts: ColumnFacts) -> list[str]:
    if vote.day_first and vote.month_first:
        return ["both orders of day and month occur: ask the site for one form"]
    found = []
    if not order and vote.open:
        found.append("no date proves whether the day or the month comes first: set date")
    if facts.share(_SHORT.fullmatch):
        found.append("years have two digits: set date to a form such as %d/%m/%y")
    return found


def _ages(facts: ColumnFacts) -> Fit:
    share = facts.share(lambda text: decide_age(text, "Y", completed_years=True)[1] is None)
    sentinels = [text for text in _AGE_SENTINELS if text in facts.texts]
    decimals = facts.share(lambda text: bool(re.fullmatch(r"\d+\.\d*[1-9]\d*", text)))
    questions = []
    if sentinels:
        share = facts.share(lambda text: text in sentinels or decide_age(text, "Y", completed_years=True)[1] is None)
        questions.append(f"is {' and '.join(sentinels)} the mark of a missing age")
    if decimals:
        questions.append("ages have decimals: set facts.ages_completed_years if they may be cut off")
    evidence = f"{_percent(share)} are ages of 0 to 125"
    return Fit(share, evidence, {"missing": sentinels} if sentinels else {}, tuple(questions))


def _coded(name: str, kind: Field, facts: ColumnFacts, entry: Entry, setting: Setting) -> Fit:
    """Find the code set of a column: of the code book, else a built-in one, else the site's own words."""
    is_own_scheme = name == _DRUG or (name == "subject.race" and not setting.is_us)
    if entry.choices:
        return _by_codebook(kind, facts, entry, is_own_scheme=is_own_scheme)
    chosen = _best_set(kind, facts, setting.language)
    if chosen and not is_own_scheme:
        return chosen
    is_coded = 0 < len(facts.texts) <= MOST_CODES
    evidence = f"{len(facts.texts)} distinct texts in {facts.filled} cells, in no code set"
    shown = shown_codes(facts)
    if is_own_scheme and shown:
        rare = len(facts.texts) - len(shown)
        scheme = "" if name == _DRUG else ": name their scheme in facts.race_scheme"
        asked = [f"the texts are kept as they stand{scheme}"]
        asked += [f"{rare} rare texts are left out of its codes"] if rare else []
        codes = {text: text for text in shown}
        return Fit(UNKNOWN_CODES, evidence.replace("in no code set", "kept as the site's own scheme"), {"codes": codes},
                   tuple(asked))  # fmt: skip
    asked = [f"say what its {len(facts.texts)} codes mean: {_counted(shown)}"]
    return Fit(UNKNOWN_CODES if is_coded else 0.0, evidence, {}, tuple(asked))


def _counted(shown: Mapping[str, int]) -> str:
    return ", ".join(f'"{text}" ({count})' for text, count in shown.items()) or "all of them are rare"


def _by_codebook(kind: Field, facts: ColumnFacts, entry: Entry, *, is_own_scheme: bool) -> Fit:
    meanings = {code: _meaning(label, kind) for code, label in entry.choices.items()}
    if is_own_scheme:
        meanings = {code: entry.choices[code] for code in meanings}
    known = {code: value for code, value in meanings.items() if value}
    unknown = len(meanings) - len(known)
    folded = {fold(code) for code in meanings}
    share = facts.share(lambda text: fold(text) in folded)
    asked = (f"{unknown} labels of the code book have no canonical value",) if unknown else ()
    evidence = f"{_percent(share)} are codes of the code book, {len(known)} of {len(meanings)} with a known meaning"
    return Fit(share if known else 0.0, evidence, {"codes": known} if known else {}, asked)


def _meaning(label: str, kind: Field) -> str:
    words = {fold(value): value for value in kind.values}
    for name in candidate_sets(kind.vocabulary) if kind.vocabulary else ():
        words = {**code_sets()[name], **words}
    return words.get(fold(label), "")


def _best_set(kind: Field, facts: ColumnFacts, language: str) -> Fit | None:
    """Give the built-in set that covers most cells, the site's language first; None where it covers less than half.

    Sets that cover the same and read it in different ways are named as a question.
    """
    canonical = {fold(value): value for value in kind.values}
    names = candidate_sets(kind.vocabulary) if kind.vocabulary else ()
    sets = {name: {**canonical, **code_sets()[name]} for name in names} or {"": canonical}
    counts = {fold(text): 0 for text in facts.texts}
    for text, count in facts.texts.items():
        counts[fold(text)] += count
    covered = {name: sum(n for word, n in counts.items() if word in words) for name, words in sets.items()}
    order = sorted(sets, key=lambda name: (-covered[name], not name.endswith(f".{language}"), name))
    best = order[0]
    share = covered[best] / max(facts.filled, 1)
    if share < 0.5 or not facts.filled:  # noqa: PLR2004 -- half of the cells
        return None
    rivals = [name for name in order if covered[name] == covered[best]]
    readings = {tuple(sets[name].get(word) for word in sorted(counts)) for name in rivals}
    rest = sum(word not in sets[best] for word in counts)
    asked = [f"{rest} of {len(counts)} distinct texts are in no code set"] if rest else []
    if len(readings) > 1:
        asked.append(f"its codes mean different things in {', '.join(rivals)}: which is it")
        share = min(share, 0.6)
    evidence = f"{_percent(share)} in {best or 'the canonical values'}; {len(counts)} distinct texts"
    return Fit(share, evidence, {"codes": best} if best and len(readings) == 1 else {}, tuple(asked))


def _event_kinds(facts: ColumnFacts) -> Fit:
    kinds = {text: event_words()[words_of(text)][0] for text in facts.texts if words_of(text) in event_words()}
    share = facts.share(kinds.__contains__) if len(facts.texts) <= MOST_CODES else 0.0
    rest = {text: n for text, n in facts.texts.items() if text not in kinds}
    shown = {text: n for text, n in shown_codes(facts).items() if text in rest}
    asked = [f"{len(rest)} kinds of rows have no meaning yet ({_counted(shown)}): map or ignore them"] if rest else []
    evidence = f"{_percent(share)} are words for kinds of events; {len(facts.texts)} distinct texts"
    return Fit(share, evidence, {"codes": kinds}, tuple(asked))


def _event_details(facts: ColumnFacts) -> Fit:
    """See whether a column tells results, devices and kinds of discharge, whichever its row is of."""
    words: set[str] = set()
    for kind, attribute in DETAIL.items():
        one = KINDS[kind][attribute]
        names = candidate_sets(one.vocabulary) if one.vocabulary else ()
        words |= {fold(value) for value in one.values}.union(*(code_sets()[name] for name in names))
    share = facts.share(lambda text: fold(text) in words or decide_diagnosis(text)[0] is not None)
    rest = sum(fold(text) not in words for text in facts.texts)
    asked = (f"{rest} of {len(facts.texts)} distinct texts are in no code set",) if rest else ()
    return Fit(share, f"{_percent(share)} are results, devices, discharges or diagnosis codes", {}, asked)
