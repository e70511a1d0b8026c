"""What the public answer key does not ask and a de-identified folder must still fulfil; derived, not looked up."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Final

from pydicom import Dataset
from pydicom.dataset import FileDataset

from flows.scoring.answer_key import Answer
from flows.scoring.checks import Action
from flows.scoring.codestreams import has_no_comments, is_made_anew
from flows.scoring.outputs import Output
from flows.scoring.places import elements_in

NAME_CLEAN: Final = "name_clean"
META_CLEAN: Final = "meta_clean"
CODESTREAM_CLEAN: Final = "codestream_clean"
SHORTEST_IN_NAME: Final = 4  # characters; shorter texts are met in names by chance
_DATE_LENGTH: Final = 8


def clean_checks(answer: Answer, output: Output) -> Mapping[str, bool]:
    """Tell of one file whether its name, its preamble and file meta, and its code streams are clean of the source."""
    return {
        NAME_CLEAN: is_name_clean(answer, output.path),
        META_CLEAN: _holds(is_made_anew, output.dataset),
        CODESTREAM_CLEAN: _holds(has_no_comments, output.dataset),
    }


def _holds(judge: Callable[[FileDataset], bool], dataset: FileDataset) -> bool:
    """Judge a data set; one that cannot be judged is not clean."""
    try:
        return judge(dataset)
    except Exception:  # noqa: BLE001 -- an output may do anything to the parser
        return False


def is_name_clean(answer: Answer, path: str) -> bool:
    """Tell whether a path holds neither an original identifier nor a text that had to be removed."""
    texts = [answer.patient, answer.study, answer.series, answer.instance]
    texts += [
        check.text or "" for check in answer.checks if check.action in (Action.TEXT_REMOVED, Action.CANARY_ABSENT)
    ]
    return not any(len(text) >= SHORTEST_IN_NAME and text.lower() in path.lower() for text in texts)


def shared(new_by_old: Mapping[str, str]) -> int:
    """Give how many old identifiers share their new one with another: two people, or two objects, become one."""
    counts = Counter(new_by_old.values())
    return sum(count for count in counts.values() if count > 1)


def shifts(source: Dataset, output: Dataset) -> Iterator[int]:
    """Give by how many days each date of a source was moved, for dates that are in the output at the same place."""
    moved = dict(_days(output))
    for place, day in _days(source):
        if place in moved:
            yield (moved[place] - day).days


def _days(dataset: Dataset) -> Iterator[tuple[str, date]]:
    for place, element in elements_in(dataset):
        if element.VR in ("DA", "DT") and element.VM == 1:
            day = _day(str(element.value))
            if day is not None:
                yield place, day


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text[:_DATE_LENGTH], "%Y%m%d").date()  # noqa: DTZ007 -- a day has no zone
    except ValueError:
        return None


def intervals(shifted: Mapping[str, Counter[int]]) -> tuple[int, int]:
    """Give how many dates there are, and how many moved otherwise than most of their subject's did.

    Parameters
    ----------
    shifted
        By subject, how many dates moved by how many days.
    """
    total = sum(counts.total() for counts in shifted.values())
    return total, total - sum(max(counts.values(), default=0) for counts in shifted.values())
