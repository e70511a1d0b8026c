"""What validation asks the sender of a batch: by which rule, where, and what to send. Private: it names their files."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa

from config.rules import Severity, data_rules, next_steps
from tasks.tables.listing import csv_bytes, row_ranges
from tasks.validate.page import badge, page, text

EFFECT = {Severity.GATE: "stops the batch", Severity.BLOCK: "is held", Severity.WARN: "for your information"}
_WEIGHT = (Severity.GATE, Severity.BLOCK, Severity.WARN)


@dataclass(frozen=True, slots=True)
class Question:
    """A rule that fired in rows of one file, in some images, or (without file) in the batch as a whole."""

    rule_id: str
    file: str
    column: str
    rows: tuple[int, ...]
    objects: int

    @property
    def severity(self) -> Severity:
        """What the rule does."""
        return data_rules()[self.rule_id].severity

    @property
    def where(self) -> str:
        """The rows as ranges, or the number of images from the named one on."""
        if self.rows:
            return row_ranges(self.rows)
        return f"{self.objects} image{'' if self.objects == 1 else 's'}" if self.objects else "the whole batch"


def questions_of(places: pa.Table) -> list[Question]:
    """Group what `tasks.validate.whereabouts` gives: what stops the batch first, then what is held.

    The rows of one file and column are one question; the images of every study or series are one of their own.
    """
    rows = places.to_pylist()
    found = [
        Question(rule, file, column, tuple(row["row"] for row in same if row["row"]), objects)
        for (rule, file, column, objects), same in groupby(
            rows, key=lambda row: (row["rule_id"], row["file"], row["column"], row["objects"] or 0)
        )
    ]
    return sorted(found, key=lambda one: (_WEIGHT.index(one.severity), one.rule_id, one.file, one.column))


def contributor_files(title: str, places: pa.Table) -> dict[str, bytes]:
    """Give the files of this part of the private report by name."""
    questions = questions_of(places)
    return {
        "validation.csv": csv_bytes(
            ("file", "column", "where", "count", "rule_id", "severity", "rule", "next_step"),
            (
                (
                    one.file, one.column, one.where, len(one.rows) or one.objects, one.rule_id, one.severity.value,
                    data_rules()[one.rule_id].rule, next_steps()[one.rule_id],
                )
                for one in questions
            ),
        ),
        "validation-rows.csv": csv_bytes(
            ("file", "row", "rule_id", "column"),
            ((row["file"], row["row"], row["rule_id"], row["column"]) for row in _rows(places)),
        ),
        "validation.html": _page(title, questions).encode(),
    }  # fmt: skip


def _rows(places: pa.Table) -> Iterator[dict[str, object]]:
    for batch in places.to_batches():
        yield from (row for row in batch.to_pylist() if row["row"])


def _page(title: str, questions: list[Question]) -> str:
    lead = "What was asked of your rows and images after they were read. It names your files: keep it as your data."
    body = [_card(one) for one in questions] or ['<p class="card">Nothing was wrong.</p>']
    return page(title, lead, body)


def _card(one: Question) -> str:
    facts = {
        "File" if one.rows else "First image": one.file,
        "Column": one.column,
        "Rows" if one.rows else "Where": one.where,
        "Must hold": data_rules()[one.rule_id].rule,
        "To send": next_steps()[one.rule_id],
    }
    told = "".join(f"<dt>{text(name)}</dt><dd>{text(fact)}</dd>" for name, fact in facts.items() if fact)
    label = badge(EFFECT[one.severity], one.severity.value)
    return f'<section class="card"><h3><code>{text(one.rule_id)}</code> {label}</h3><dl>{told}</dl></section>'
