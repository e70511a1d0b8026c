"""Private elements: what stays of one depends on the creator of its block, which stays only with one of them."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from tasks.deidentify.actions import Action
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.exact import cleaned
from tasks.deidentify.engine.levels import Judged, Level, stated_header
from tasks.deidentify.engine.memory import Pairs
from tasks.deidentify.engine.notes import Note, together
from tasks.deidentify.private import creator_tag, creators_in, safe_row

if TYPE_CHECKING:
    from config.deid.profile import Path

_HEAD_BYTES = 12
_FIRST_CREATOR, _LAST_CREATOR = 0x10, 0xFF
_ELEMENT = 0xFFFF


def group_elements(level: Level, buffer: bytes, position: int, end: int) -> Iterator[tuple[int, int]]:
    """Give tag and size of the elements of the group that begins at a position.

    Raises
    ------
    Declined, Refusal
        If they are not sound, or not in the order of their tags.
    """
    group, last = buffer[position : position + 2], -1
    while position < end and buffer[position : position + 2] == group:
        head = buffer[position : position + _HEAD_BYTES]
        tag, size = level.sizes[head[:8]] if head[:8] in level.sizes else _measured(level, buffer, position, head)
        if tag <= last:
            raise Declined
        last = tag
        yield tag, size
        position += size


def _measured(level: Level, buffer: bytes, position: int, head: bytes) -> tuple[int, int]:
    if len(head) < _HEAD_BYTES:
        head = head.ljust(_HEAD_BYTES, b"\0")
    stated = stated_header(head, implicit=level.place.implicit)
    if stated.holds_items() or stated.is_undefined:
        return stated.tag, level.element_end(buffer, position) - position
    found = stated.tag, stated.start + stated.length
    if stated.start < _HEAD_BYTES:  # the eight bytes say it all
        level.memory.keep(level.sizes, head[:8], found, 8)
    return found


def private_group(level: Level, raw: bytes, days: int) -> Judged:
    """Judge the private elements of one group."""
    creators: dict[int, bytes] = {}
    used: set[int] = set()
    found: list[tuple[int, bytes]] = []
    pairs: Counter[tuple[Path, Action]] = Counter()
    notes: list[Note] = []
    position = 0
    for tag, size in group_elements(level, raw, 0, len(raw)):
        element = raw[position : position + size]
        position += size
        if not tag & _ELEMENT:
            continue
        if _FIRST_CREATOR <= tag & _ELEMENT <= _LAST_CREATOR:
            creators[tag] = element
            found.append((tag, element))
            continue
        out, done, note = _judged(level, tag, element, creators.get(creator_tag(tag), b""), days)
        pairs.update(dict(done))
        if note:
            notes.append(note)
        if out:
            used.add(creator_tag(tag))
            found.append((tag, out))
    if position != len(raw):
        raise Declined
    for tag in creators:
        pairs[(*level.place.path, tag), Action.KEEP if tag in used else Action.REMOVE] += 1
    result = b"".join(out for tag, out in found if tag not in creators or tag in used)
    first = int.from_bytes(raw[1::-1] + raw[3:1:-1])
    return level.memory.deed(first, tuple(sorted(pairs.items()))), None if result == raw else result, together(notes)


def _judged(level: Level, tag: int, raw: bytes, creator: bytes, days: int) -> tuple[bytes, Pairs, Note | None]:
    """Judge one element beside its creator; what becomes of the creator is not told."""
    stated = stated_header(raw[:_HEAD_BYTES], implicit=level.place.implicit)
    name = level.creator_names.get(creator)
    if name is None:
        name = level.creator_names[creator] = _name(level, creator)
    if not stated.holds_items() and safe_row(tag, name or None, level.policy.profile) is None:
        return b"", ((((*level.place.path, tag), Action.REMOVE), 1),), None
    key = creator + raw
    cache = level.private.setdefault(days, {})
    found = cache.get(key)
    return level.memory.keep(cache, key, _beside(level, raw, creator, days), 2 * len(key)) if found is None else found


def _name(level: Level, creator: bytes) -> str:
    """Give the name in a creator element, empty if it is none."""
    if not creator:
        return ""
    stated = stated_header(creator[:_HEAD_BYTES], implicit=level.place.implicit)
    value = creator[stated.start :]
    alone = Dataset()
    alone[stated.tag] = RawDataElement(
        BaseTag(stated.tag),
        stated.vr,
        len(value),
        value,
        0,
        level.place.implicit,
        True,  # noqa: FBT003 -- pydicom's order
    )
    return creators_in(alone).get(stated.tag, "")


def _beside(level: Level, raw: bytes, creator: bytes, days: int) -> tuple[bytes, Pairs, Note | None]:
    out, pairs, note = cleaned(level, creator + raw, days)
    own = int.from_bytes(raw[1::-1] + raw[3:1:-1])
    pairs = tuple((what, count) for what, count in pairs if what[0][len(level.place.path)] == own)
    if out and creator and not out.startswith(creator):
        raise Declined
    return out[len(creator) :] if out else b"", pairs, note
