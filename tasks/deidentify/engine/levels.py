"""What is known about elements before their values are: one plan per place of an object, asked with header bytes.

The eight bytes of a header (tag, VR, length) index a dictionary that works out an entry when it meets a new one. Policy
is thus asked once per distinct header, and costs nothing per element.
"""

from dataclasses import dataclass, field
from functools import cached_property
from struct import Struct
from typing import Final, NamedTuple

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from config.deid.profile import Path
from tasks.deidentify.actions import Action, Code, resolve, without_value
from tasks.deidentify.codes import CODE_TAGS
from tasks.deidentify.engine.declined import Declined
from tasks.deidentify.engine.memory import Memory, Pairs
from tasks.deidentify.engine.notes import Note
from tasks.deidentify.graphics import CLEAN_GRAPHICS, GRAPHIC_ANNOTATIONS
from tasks.deidentify.instance import InstancePolicy
from tasks.deidentify.needles import CONTACTS, IDENTIFIERS
from tasks.deidentify.policy import code_of, is_removed_group, types_of
from tasks.deidentify.private import SAFE_PRIVATE
from tasks.deidentify.screening import PIXEL_TAGS
from tasks.deidentify.structured import CONCEPT_NAME, place_of
from tasks.deidentify.values import BYTES_VRS, CHARACTER_SET, FREE_TEXT_VRS, TEXT_VRS, known_vr, settled_vr
from tasks.dicom.elements import LONG_VRS, SHORT_VRS, UNDEFINED, dictionary_vr
from tasks.dicom.structure import element_end
from tasks.dicom.syntaxes import Encoding

# Kinds of entries. The walk compares them as plain numbers.
WIDE: Final = 0  # the length stands in four more bytes
KEEP: Final = 1  # stays as it is, whatever the value
SKIP: Final = 2  # goes, whatever the value
VALUE: Final = 3  # the value decides
DATED: Final = 4  # the value and the subject's date offset decide
OPEN: Final = 5  # the same, and the length is undefined
STOP: Final = 6  # the walk ends before it

Entry = tuple[int, int, int, int]  # kind, bytes of header and value, deed, tag if it is a slot
Judged = tuple[int, bytes | None, Note | None]  # deed, what stands in its place (null: the same), what it told

IDENTITY: Final = frozenset({0x00100010, 0x00100020})
MARKS: Final = (0x00120062, 0x00120063, 0x00120064, 0x0018A001, 0x00280303)
REPLACED: Final = (*sorted(IDENTITY), *MARKS)  # written anew, at these places
ITEM_END_BYTES: Final = b"\xfe\xff\x0d\xe0\0\0\0\0"
_GROUPS_OF_OTHERS = (0x0000, 0x0002, 0xFFFE)
_PIXEL_GROUP = 0x7FE0
_TAG = Struct("<HH")
_SHORT_HEADER, _LONG_HEADER = 8, 12
PRIVATE: Final = 0x10000  # the bit of an odd group
_OVERLAYS = range(0x6000, 0x6020, 2)
_DECIDING = CODE_TAGS | {CHARACTER_SET, CONCEPT_NAME}  # in an item, they decide about the others
_TELLING_VRS = FREE_TEXT_VRS | {"AE", "DA", "DT", "UI", "UR"}
_STAYING = frozenset({Action.KEEP, Action.CLEAN, Action.NEW_UID})


class Stated(NamedTuple):
    """A header as it is written; `vr` is null where none is, `start` the offset of the value."""

    tag: int
    vr: str | None
    length: int
    start: int

    @property
    def is_undefined(self) -> bool:
        """Whether the length is undefined."""
        return self.length == UNDEFINED

    def holds_items(self) -> bool:
        """Tell whether the value is a sequence of items, by the same rule as `tasks.dicom.elements.Header`."""
        if self.vr == "SQ" or (self.vr == "UN" and self.is_undefined):
            return True
        if self.vr not in (None, "UN"):
            return False
        known = dictionary_vr(self.tag)
        return known == "SQ" or (self.is_undefined and not known)


class Verdict(NamedTuple):
    """What policy says about an attribute with a stated VR, as far as its value has no say."""

    vr: str
    is_settled: bool
    action: Action
    is_removed: bool

    @property
    def stays(self) -> bool:
        """Whether a value of this VR may stay."""
        return self.is_settled and not self.is_removed and self.action in _STAYING


@dataclass(frozen=True, slots=True)
class Place:
    """Where elements stand: how they are laid out, in which sequences, with which codecs, in which IOD."""

    implicit: bool
    path: Path
    codecs: tuple[str, ...]
    iod: str

    def inside(self, tag: int) -> "Place":
        """Give the place of the items of a sequence."""
        return Place(self.implicit, (*self.path, tag), self.codecs, self.iod)


def stated_header(raw: bytes, *, implicit: bool) -> Stated:
    """Read the header of an element from its first twelve bytes.

    Raises
    ------
    Declined
        If the VR is none of the standard's, or something stands in the two reserved bytes.
    """
    group, element = _TAG.unpack_from(raw)
    tag = group << 16 | element
    if implicit:
        return Stated(tag, None, int.from_bytes(raw[4:8], "little"), _SHORT_HEADER)
    vr = raw[4:6]
    if vr in SHORT_VRS:
        return Stated(tag, vr.decode("ascii"), int.from_bytes(raw[6:8], "little"), _SHORT_HEADER)
    if vr not in LONG_VRS or raw[6:8] != b"\0\0":
        raise Declined
    return Stated(tag, vr.decode("ascii"), int.from_bytes(raw[8:12], "little"), _LONG_HEADER)


@dataclass(eq=False)
class Level:
    """A place, its policy, and what was judged there; `slots` are the tags that others ask for."""

    memory: Memory
    policy: InstancePolicy
    place: Place
    slots: frozenset[int] = frozenset()
    values: dict[bytes, Judged] = field(default_factory=dict)
    dated: dict[int, dict[bytes, Judged]] = field(default_factory=dict)
    extents: dict[bytes, int] = field(default_factory=dict)
    children: dict[int, "Level"] = field(default_factory=dict)
    verdicts: dict[tuple[int, str | None], Verdict] = field(default_factory=dict)
    sizes: dict[bytes, tuple[int, int]] = field(default_factory=dict)  # tag and size by the first eight bytes
    creator_names: dict[bytes, str] = field(default_factory=dict)
    private: dict[int, dict[bytes, tuple[bytes, Pairs, Note | None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.place.path) > self.policy.limits.max_depth:
            raise Declined

    @cached_property
    def plans(self) -> list["Plan"]:
        """Plans of the stretches between the attributes that are written anew; items have one."""
        return [Plan(self, before) for before in ((*REPLACED, 1 << 32) if self.is_top else (1 << 32,))]

    @property
    def is_top(self) -> bool:
        """Whether this is the data set itself."""
        return not self.place.path

    def of_days(self, days: int) -> dict[bytes, Judged]:
        """Give what was judged for subjects with this date offset."""
        found = self.dated.get(days)
        return self.dated.setdefault(days, {}) if found is None else found

    def child(self, tag: int) -> "Level":
        """Give the level of the items of a sequence."""
        found = self.children.get(tag)
        if found is None:
            found = self.children[tag] = Level(self.memory, self.policy, self.place.inside(tag))
        return found

    def verdict(self, tag: int, stated: str | None) -> Verdict:
        """Give what policy says, by the same tables and in the same order as `tasks.deidentify.elements`."""
        found = self.verdicts.get((tag, stated))
        if found is None:
            found = self.verdicts[tag, stated] = self._verdict(tag, stated)
        return found

    def _verdict(self, tag: int, stated: str | None) -> Verdict:
        profile = self.policy.profile
        known = known_vr(tag, profile.attributes)
        settled = settled_vr(RawDataElement(BaseTag(tag), stated, 0, b"", 0, self.place.implicit, True), known)  # noqa: FBT003 -- pydicom's order
        vr = settled or known.split(" or ", maxsplit=1)[0]
        if is_removed_group(tag, profile) or (not self.is_top and tag >> 16 == _PIXEL_GROUP):
            return Verdict(vr, bool(settled), Action.REMOVE, is_removed=True)
        kind = types_of(profile, self.place.iod).get(place_of(self.place.path), {}).get(tag, "")
        code: Code | None = code_of(tag, vr, profile)
        action = without_value(kind) if code is None else resolve(code, kind)
        return Verdict(vr, bool(settled), action, is_removed=False)

    def is_grouped(self, tag: int) -> bool:
        """Tell whether what stays of an element depends on others of its group: private ones and overlays."""
        options = self.policy.profile.options
        if tag & PRIVATE:
            return SAFE_PRIVATE in options
        return self.is_top and tag >> 16 in _OVERLAYS and CLEAN_GRAPHICS in options

    def is_walked(self, stated: Stated) -> bool:
        """Tell whether the items of a sequence are judged one by one."""
        verdict = self.verdict(stated.tag, stated.vr)
        if stated.vr == "UN" or not verdict.stays or verdict.vr != "SQ":
            return False
        return not (self.is_top and stated.tag in (*REPLACED, GRAPHIC_ANNOTATIONS))

    def element_end(self, content: bytes, position: int) -> int:
        """Give the offset after an element, whatever it holds.

        Raises
        ------
        Refusal
            If its structure is not sound.
        """
        return element_end(content, position, Encoding(self.place.implicit, little=True), self.policy.limits)

    def deed(self, tag: int, action: Action | None) -> int:
        """Give the number of one action at this place; null for none that counts."""
        return self.memory.deed(tag, ((((*self.place.path, tag), action), 1),) if action else ())

    def entry(self, stated: Stated) -> Entry:
        """Give what the walk does at a header.

        Raises
        ------
        Declined
            For what belongs in no data set, and for fragments outside pixel data.
        """
        tag = stated.tag
        if tag >> 16 in _GROUPS_OF_OTHERS:
            raise Declined
        if tag == CONCEPT_NAME and self.is_top:
            raise Declined
        if tag in PIXEL_TAGS if self.is_top else tag in _DECIDING:
            return (STOP, 0, 0, 0)
        if self.is_grouped(tag):
            return (OPEN, 0, 0, 0)
        if stated.vr in (None, "UN") and self.verdict(tag, stated.vr).vr == "SQ" and dictionary_vr(tag) != "SQ":
            raise Declined  # a sequence that is younger than pydicom's dictionary, which reads it in more ways than one
        slot = tag if tag in self.slots else 0
        if stated.holds_items():
            return (OPEN, 0, 0, slot) if stated.is_undefined else (DATED, stated.start + stated.length, 0, slot)
        if stated.is_undefined:
            raise Declined
        return self._plain_entry(stated, slot)

    def _plain_entry(self, stated: Stated, slot: int) -> Entry:
        tag, size = stated.tag, stated.start + stated.length
        verdict = self.verdict(tag, stated.vr)
        if not tag & 0xFFFF:
            return (SKIP, size, self.deed(tag, None), 0)
        if slot or self._tells(tag, verdict.vr):
            return (DATED if verdict.vr in ("DA", "DT") else VALUE, size, 0, slot)
        if verdict.action is Action.REMOVE:
            return (SKIP, size, self.deed(tag, Action.REMOVE), 0)
        if self._is_kept_whole(tag, stated.vr, verdict):
            return (KEEP, size, self.deed(tag, verdict.action), 0)
        return (VALUE, size, 0, 0)

    def _tells(self, tag: int, vr: str) -> bool:
        """Tell whether a value can tell who the subject is: it is looked at even if it goes."""
        return vr in _TELLING_VRS or tag in IDENTIFIERS or tag in CONTACTS

    def _is_kept_whole(self, tag: int, stated: str | None, verdict: Verdict) -> bool:
        if not verdict.stays or stated not in (None, verdict.vr) or verdict.vr in TEXT_VRS | {"SQ"}:
            return False
        return verdict.vr not in BYTES_VRS or tag in self.policy.profile.kept


class Plan(dict[bytes, Entry]):
    """Entries by the first eight bytes of an element, up to a tag before which something is written."""

    def __init__(self, level: Level, before: int) -> None:
        super().__init__()
        self.level, self.before = level, before
        self.wide = WidePlan(level)

    def __missing__(self, header: bytes) -> Entry:
        """Work out the entry of a header that was not met yet."""
        return self.level.memory.keep(self, header, self._entry(header), len(header))

    def _entry(self, header: bytes) -> Entry:
        if len(header) < _SHORT_HEADER:
            raise Declined
        group, element = _TAG.unpack_from(header)
        tag = group << 16 | element
        if tag >= self.before or (header == ITEM_END_BYTES and not self.level.is_top):
            return (STOP, 0, 0, 0)
        if not self.level.place.implicit and header[4:6] in LONG_VRS:
            return (WIDE, 0, 0, 0)
        return self.level.entry(stated_header(header, implicit=self.level.place.implicit))


class WidePlan(dict[bytes, Entry]):
    """Entries by the first twelve bytes of an element with a length of 32 bits."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level = level

    def __missing__(self, header: bytes) -> Entry:
        """Work out the entry of a header that was not met yet."""
        if len(header) < _LONG_HEADER:
            raise Declined
        entry = self.level.entry(stated_header(header, implicit=False))
        return self.level.memory.keep(self, header, entry, len(header))
