"""The search for needles in text."""

from collections.abc import Iterable

from tasks.identifiers.needle import Needle


def found_in_text(text: str, needles: Iterable[Needle]) -> list[Needle]:
    """Give the needles that a text holds."""
    small = text.lower()
    return [needle for needle in needles if needle.text in small and stands_free(small, needle.text, needle)]


def stands_free(hay: str, text: str, needle: Needle) -> bool:
    """Tell whether a spelling of a needle stands somewhere in small letters without being part of something else."""
    position = hay.find(text)
    while position >= 0:
        before = hay[position - 1 : position] if position else ""
        if not (before and before in needle.neighbours) and not _goes_on(hay, position + len(text), needle):
            return True
        position = hay.find(text, position + 1)
    return False


def _goes_on(hay: str, end: int, needle: Needle) -> bool:
    """Tell whether the word goes on: a neighbour stands after it that does not begin the tag of a next element."""
    if end == len(hay) or hay[end] not in needle.neighbours:
        return False
    return end + 1 == len(hay) or hay[end + 1] >= " "
