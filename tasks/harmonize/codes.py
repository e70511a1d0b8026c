"""Coded cells by the site's own code set, or by the one built-in set that fits the whole column; never by one value."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from config.fields import Field, Form
from config.site_tables import CodeMap, Column
from config.vocab import candidate_sets, code_sets, fold, missing_words
from tasks.harmonize.cells import MISSING, UNMAPPED, Decision, Mapped, decide_each

UNDECIDED_SET = "S-CODESET"
_SEPARATORS = re.compile(r"[,;|]")
LIST_MARK = "|"  # joins the sorted values of a list in one text, until the subject's row is made


@dataclass(frozen=True, slots=True)
class CodeSet:
    """A code set as it is applied: folded word to canonical value."""

    name: str
    words: Mapping[str, str]

    @property
    def version(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the set."""
        return hashlib.sha256(json.dumps(dict(self.words), sort_keys=True).encode()).hexdigest()[:16]


def map_codes(
    cells: pa.Array, column: Column, kind: Field, own: Mapping[str, CodeMap], whole: pa.Array | None = None
) -> Mapped:
    """Map a coded column.

    Parameters
    ----------
    kind
        The field, whose canonical values are words of every built-in set.
    own
        The site's own code sets by name.
    whole
        All texts of the column, each of which says something of the code set; `cells` where there are no others.

    Returns
    -------
    Mapped
        Text values; for a list field the sorted values joined by `LIST_MARK`.
    """
    missing = missing_words() | {fold(word) for word in column.missing}
    code_set = chosen_set(cells if whole is None else whole, column, kind, own)
    if code_set is None:
        return decide_each(cells, lambda text: _undecided(text, missing), pa.string())
    decide = _list_decider(code_set, missing, column.separator) if kind.form is Form.CODES else None
    decide = decide or (lambda text: decide_code(text, code_set.words, missing))
    return decide_each(cells, decide, pa.string(), mapping=(code_set.name, code_set.version))


def decide_code(text: str, words: Mapping[str, str], missing: frozenset[str]) -> Decision:
    """Give the canonical value of a text; a code of the set goes before a word for missing."""
    folded = fold(text)
    if folded in words:
        return words[folded], None
    return MISSING if folded in missing else (None, UNMAPPED)


def chosen_set(cells: pa.Array, column: Column, kind: Field, own: Mapping[str, CodeMap]) -> CodeSet | None:
    """Give the code set of a column: declared, else the one that covers most of its distinct words.

    None where several sets cover equally many and do not agree: a lone ``M`` is male in one language and female
    in another. A set that knows some digits of a column and not others is another set.
    """
    if isinstance(column.codes, dict):
        return CodeSet(f"site:{column.field}", _folded(column.codes))
    if column.codes is not None and column.codes in own:
        return CodeSet(f"site:{column.codes}", _folded(own[column.codes]))
    canonical = {fold(value): value for value in kind.values}
    if column.codes is not None:
        return CodeSet(column.codes, {**canonical, **code_sets()[column.codes]})
    missing = missing_words() | {fold(word) for word in column.missing}
    return _inferred(kind, canonical, {fold(text) for text in cells.unique().to_pylist()} - missing)


def _inferred(kind: Field, canonical: Mapping[str, str], words: set[str]) -> CodeSet | None:
    names = candidate_sets(kind.vocabulary) if kind.vocabulary else ()
    sets = [CodeSet(name, {**canonical, **code_sets()[name]}) for name in names] or [CodeSet("canonical", canonical)]
    digits = {word for word in words if word.isdigit()}
    sets = [one for one in sets if digits <= one.words.keys()]
    if not sets:
        return None
    covered = [words & set(one.words) for one in sets]
    most = max(map(len, covered))
    best = [one for one, found in zip(sets, covered, strict=True) if len(found) == most]
    readings = {tuple(one.words.get(word) for word in sorted(words)) for one in best}
    return best[0] if len(readings) == 1 else None


def _folded(codes: CodeMap) -> dict[str, str]:
    return {fold(word): value for word, value in codes.items()}


def _undecided(text: str, missing: frozenset[str]) -> Decision:
    return MISSING if fold(text) in missing else (None, UNDECIDED_SET)


def _list_decider(code_set: CodeSet, missing: frozenset[str], separator: str) -> Callable[[str], Decision]:
    """Decide a cell that may hold several values: as a whole if the set knows it, else part by part."""

    def decide(text: str) -> Decision:
        whole = decide_code(text, code_set.words, missing)
        if whole[1] is None:
            return whole
        parts = text.split(separator) if separator else _SEPARATORS.split(text)
        decisions = [decide_code(part, code_set.words, missing) for part in parts if part.strip()]
        if any(rule for _, rule in decisions):
            return None, UNMAPPED
        return LIST_MARK.join(sorted({str(value) for value, _ in decisions if value is not None})), None

    return decide
