"""What a check of the answer key comes to: the ten public actions, and the search for a planted text in all bytes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydicom import DataElement

from flows.scoring.answer_key import Check
from flows.scoring.codestreams import inflated
from flows.scoring.outputs import Output
from flows.scoring.places import element_at, parse_place, text_at
from flows.scoring.texts import share_left


class Action(StrEnum):
    """What the key can ask for; the last one is ours."""

    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    TEXT_RETAINED = "text_retained"
    TEXT_REMOVED = "text_removed"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    PIXELS_RETAINED = "pixels_retained"
    PIXELS_HIDDEN = "pixels_hidden"
    CANARY_ABSENT = "canary_absent"


HIDING: Final = frozenset(
    {Action.TEXT_REMOVED, Action.DATE_SHIFTED, Action.UID_CHANGED, Action.PIXELS_HIDDEN, Action.CANARY_ABSENT}
)
RETAINING: Final = frozenset({Action.TAG_RETAINED, Action.TEXT_NOTNULL, Action.TEXT_RETAINED, Action.PIXELS_RETAINED})
MISSING: Final = "<MISSING FILE>"
ENCODINGS: Final = (
    "utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "iso2022_jp", "euc_kr", "gb18030", "iso8859_5",
)  # fmt: skip
PIXEL_DATA: Final = 0x7FE00010


@dataclass(frozen=True, slots=True)
class Result:
    """Whether a check passed; null if it could not be decided. `score` counts in part, `found` is what stood there."""

    passed: bool | None
    score: float | None = None
    found: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """New identifier by old one, as whoever made the output states it."""

    uids: Mapping[str, str] = field(repr=False)
    patients: Mapping[str, str] = field(repr=False)


Judge = Callable[[Check, Output, Identifiers], Result]


def judged(check: Check, output: Output | None, identifiers: Identifiers) -> Result:
    """Judge one check.

    Parameters
    ----------
    output
        Null if the output has no such instance: what had to be hidden then passes, what had to be kept fails.

    Returns
    -------
    Result
        Undecided if the key's place or the output cannot be read, or nobody but a reader of pixels could tell.
    """
    try:
        action = Action(check.action)
    except ValueError:
        return Result(None)
    if output is None:
        return _of(action in HIDING, MISSING)
    try:
        return _JUDGES[action](check, output, identifiers)
    except Exception:  # noqa: BLE001 -- a place may be no place, and an output may do anything to the parser
        return Result(None)


def _of(passed: bool, found: str) -> Result:  # noqa: FBT001 -- the one thing it is about
    return Result(passed, float(passed), found)


def _found(check: Check, output: Output) -> str | None:
    return text_at(output.dataset, parse_place(check.place))


def _tag_retained(check: Check, output: Output, _: Identifiers) -> Result:
    found = _found(check, output)
    return _of(found is not None, found or "")


def _text_notnull(check: Check, output: Output, _: Identifiers) -> Result:
    found = _found(check, output)
    return _of(bool(found), found or "")


def _text_retained(check: Check, output: Output, _: Identifiers) -> Result:
    found = _found(check, output)
    if not found:
        return _of(passed=False, found="")
    share = None if check.text is None else share_left(check.text, found)
    return Result(None if share is None else share == 1, share, found)


def _text_removed(check: Check, output: Output, _: Identifiers) -> Result:
    found = _found(check, output)
    if not found:
        return _of(passed=True, found="")
    if check.text is None:
        return Result(None, found=found)
    share = share_left(check.text, found) or 0.0
    return Result(share == 0, 1 - share, found)


def _value_gone(check: Check, output: Output, _: Identifiers) -> Result:
    found = _found(check, output)
    if check.value is None:
        return Result(None, found=found or "")
    value, hay = (text.replace("\\", "") for text in (check.value, found or ""))
    return _of(not value or value not in hay, found or "")


def _uid_consistent(check: Check, output: Output, identifiers: Identifiers) -> Result:
    return _consistent(check, output, identifiers.uids)


def _patid_consistent(check: Check, output: Output, identifiers: Identifiers) -> Result:
    return _consistent(check, output, identifiers.patients)


def _consistent(check: Check, output: Output, new_by_old: Mapping[str, str]) -> Result:
    """Compare with the stated mapping; a removed element is consistent, an unmapped value is not."""
    element = element_at(output.dataset, parse_place(check.place))
    if element is None:
        return _of(passed=True, found="")
    found = "" if element.value is None else str(element.value).strip()
    return _of(found == new_by_old.get(check.value or "", "") or _all_mapped(check, element, new_by_old), found)


def _all_mapped(check: Check, element: DataElement, new_by_old: Mapping[str, str]) -> bool:
    """Compare value by value where there are several, which the key writes as a list."""
    if element.VM < 2:  # noqa: PLR2004 -- several
        return False
    old = [part.strip(" '\"") for part in (check.value or "").strip("[]").split(",")]
    return [new_by_old.get(one) for one in old] == [str(one) for one in element.value]


def _pixels_retained(check: Check, output: Output, _: Identifiers) -> Result:
    if check.text is None:
        return Result(None)
    pixels = output.dataset[PIXEL_DATA].value if PIXEL_DATA in output.dataset else b""
    digest = hashlib.md5(pixels or b"", usedforsecurity=False).hexdigest()
    return _of(digest == check.text.lower(), digest)


def _pixels_hidden(check: Check, output: Output, _: Identifiers) -> Result:
    """Pass a box of one colour in every frame, and an image without pixels; anything else needs a reader of text."""
    if PIXEL_DATA not in output.dataset:
        return _of(passed=True, found="")
    try:
        box = json.loads(check.text or "")
        (left, top), (right, bottom) = (map(int, box[corner]) for corner in ("top_left", "bottom_right"))
        picture = output.dataset.pixel_array
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, NotImplementedError):
        return Result(None)
    frames = picture.ndim - 2 - (int(output.dataset.get("SamplesPerPixel", 1)) > 1)
    region = picture[(slice(None),) * frames + (slice(top, bottom), slice(left, right))]
    axes = (frames, frames + 1)
    is_flat = bool((region.max(axis=axes) == region.min(axis=axes)).all()) if region.size else True
    return _of(passed=True, found="") if is_flat else Result(None)


def _canary_absent(check: Check, output: Output, _: Identifiers) -> Result:
    if not check.text:
        return Result(None)
    left = holds(output.content, check.text) or holds(output.path.encode(), check.text)
    return _of(not left, check.text if left else "")


def holds(content: bytes, text: str) -> bool:
    """Tell whether bytes hold a text in any usual encoding, also where the data set is deflated; case counts not."""
    hays = (content.lower(), inflated(content).lower())
    return any(spelling in hay for spelling in _spellings(text) for hay in hays)


def _spellings(text: str) -> set[bytes]:
    found = set()
    for encoding in ENCODINGS:
        try:
            found.add(text.encode(encoding).removeprefix(b"\x1b$B").removesuffix(b"\x1b(B").lower())
        except UnicodeEncodeError:
            continue
    return found


_JUDGES: Mapping[Action, Judge] = {
    Action.TAG_RETAINED: _tag_retained,
    Action.TEXT_NOTNULL: _text_notnull,
    Action.TEXT_RETAINED: _text_retained,
    Action.TEXT_REMOVED: _text_removed,
    Action.DATE_SHIFTED: _value_gone,
    Action.UID_CHANGED: _value_gone,
    Action.UID_CONSISTENT: _uid_consistent,
    Action.PATID_CONSISTENT: _patid_consistent,
    Action.PIXELS_RETAINED: _pixels_retained,
    Action.PIXELS_HIDDEN: _pixels_hidden,
    Action.CANARY_ABSENT: _canary_absent,
}
