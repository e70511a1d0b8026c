"""Any table of a batch with all its columns, read without a declaration: encoding and delimiter are proposed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from config.vocab import fold, missing_words
from config.vocab.headers import header_words, words_of
from tasks.tables.formats import parse
from tasks.tables.model import ENCODING, Layout, Parsed, UnreadableTableError
from tasks.tables.sheets import shown_sheets

SAMPLE_ROWS = 200_000
_WORKBOOK = b"PK\x03\x04"
_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the cells of a column are: rows of the sample, and how often each text that says something occurs.

    `people` counts the patients with each text, where it is known which column names the patient.
    """

    rows: int
    texts: Mapping[str, int]
    people: Mapping[str, int] = field(default_factory=dict)

    @property
    def filled(self) -> int:
        """Cells that say something."""
        return sum(self.texts.values())

    def share(self, holds: Callable[[str], object]) -> float:
        """Give the share of the filled cells whose text fulfils a condition."""
        return sum(count for text, count in self.texts.items() if holds(text)) / max(self.filled, 1)


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file or a sheet: its columns by header, how it was read, and the cells of its sample."""

    name: str
    layout: Layout
    columns: Mapping[str, ColumnFacts]
    rows: int
    notes: tuple[str, ...] = ()
    is_encoding_proposed: bool = False
    cells: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of_people(self, patient: str) -> "RawTable":
        """Give the table with the number of patients with each text, by the column that names the patient."""
        columns = {}
        for header, facts in self.columns.items():
            pairs = set(zip(self.cells[patient], self.cells[header], strict=True))
            counts = Counter(text for _, text in pairs)
            columns[header] = replace(facts, people={text: counts[text] for text in facts.texts})
        return replace(self, columns=columns)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that nobody can read as it is, and the rule that says why."""

    name: str
    rule_id: str


def read_tables(name: str, content: bytes) -> list[RawTable | Unread]:
    """Give the tables of a file: one, or each shown sheet of a workbook."""
    sheets: Sequence[str] = shown_sheets(content) if content.startswith(_WORKBOOK) else ()
    tables = [_read(name, content, sheet) for sheet in sheets or ("",)]
    useful = [table for table in tables if isinstance(table, RawTable) and table.rows]
    if len(useful) == 1 and len(sheets) > 1:
        return [useful[0]]
    return [*useful] or tables[:1]


def rows_of_table(name: str, content: bytes) -> tuple[Sequence[str], list[Sequence[str]]] | None:
    """Give header and rows of a file as they stand, or None if it cannot be read."""
    try:
        parsed, _ = _parsed(name, content, "")
        return parsed.header, [cells for _, cells, rule in islice(parsed.rows, SAMPLE_ROWS) if not rule]
    except UnreadableTableError:
        return None


def _read(name: str, content: bytes, sheet: str) -> RawTable | Unread:
    try:
        parsed, is_proposed = _parsed(name, content, sheet)
        rows = [cells for _, cells, rule in islice(parsed.rows, SAMPLE_ROWS) if not rule]
    except UnreadableTableError as problem:
        return Unread(name, problem.rule_id)
    width = len(parsed.header)
    rows = [cells for cells in rows if len(cells) >= width and any(map(str.strip, cells))]
    columns: dict[str, ColumnFacts] = {}
    found: dict[str, Sequence[str]] = {}
    missing = missing_words()
    for place, header in enumerate(parsed.header):
        if header and header not in columns:
            found[header] = [cells[place].strip() for cells in rows]
            counts = Counter(found[header])
            texts = {text: count for text, count in sorted(counts.items()) if fold(text) not in missing or text == "-"}
            columns[header] = ColumnFacts(len(rows), texts)
    return RawTable(name, parsed.layout, columns, len(rows), parsed.notes, is_proposed, found)


def _parsed(name: str, content: bytes, sheet: str) -> tuple[Parsed, bool]:
    try:
        return parse(content, name, Layout(sheet=sheet), frozenset()), False
    except UnreadableTableError as problem:
        if problem.rule_id != ENCODING:
            raise
    encoding = proposed_encoding(content)
    return parse(content, name, Layout(encoding=encoding), frozenset()), True


_SIGNS = "\u00b0\u00ba\u00aa\u00b5\u00b2\u00b3\u00b1"  # degrees, ordinals, micro, powers: in headers of Western tables
ENCODINGS = ("cp932", "gb18030", "euc_kr", "cp1252")


def proposed_encoding(content: bytes) -> str:
    """Propose the encoding of text that is no UTF-8: the one in which most headers are words that sites use.

    Where no header tells, the one whose letters look most like one script; ``latin-1`` where nothing decodes.
    """
    scored = []
    for place, encoding in enumerate(ENCODINGS):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        scored.append((_known_words(text), _one_script(text), -place, encoding))
    return max(scored)[-1] if scored else "latin-1"


def _known_words(text: str) -> int:
    first = text.lstrip().partition("\n")[0][:_HEADER_BYTES]
    joined = "".join(words_of(first))
    foreign = {"".join(known.words) for known in header_words() if not "".join(known.words).isascii()}
    return sum(len(word) for word in foreign if word in joined)


def _one_script(text: str) -> float:
    """Give how much the letters beyond ASCII look like text: kana, common ideographs, Hangul, or accents in words."""
    letters = [(before, letter) for before, letter in zip(" " + text, text, strict=False) if not letter.isascii()]
    probe = letters[:_HEADER_BYTES]
    return round(sum(_is_likely(before, letter) for before, letter in probe) / max(len(probe), 1), 2)


def _is_likely(before: str, letter: str) -> bool:
    if "\u3040" <= letter <= "\u30ff" or "\uac00" <= letter <= "\ud7a3":
        return True
    if "\u4e00" <= letter <= "\u9fff":
        return _is_common(letter)
    if letter in _SIGNS:
        return True
    return "\u00c0" <= letter <= "\u024f" and (before.isalpha() or before in ' ,;\t"\n')


def _is_common(letter: str) -> bool:
    """Tell whether an ideograph is of the first, common level of the Chinese standard (GB 2312: 0xB0 to 0xD7)."""
    try:
        return 0xB0 <= letter.encode("gb2312")[0] <= 0xD7  # noqa: PLR2004 -- bounds of the level
    except UnicodeEncodeError:
        return False
