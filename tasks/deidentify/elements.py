"""The walk over a data set: every element at every depth is kept, changed or removed by the profile, in place."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from pydicom import DataElement, Dataset, Sequence

from config.deid import Profile
from config.deid.profile import Path, SafePrivate, Types
from tasks.deidentify.actions import Action, Code, resolve, without_value
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.codes import CODE_TAGS, LOCAL, cleaned_code, is_code
from tasks.deidentify.dummies import dummy_value
from tasks.deidentify.graphics import CLEAN_GRAPHICS, GRAPHIC_ANNOTATIONS, drop_handwriting, kept_overlay_tags
from tasks.deidentify.kept import IDENTITIES, Keeping, kept_element
from tasks.deidentify.policy import code_of, is_removed_group
from tasks.deidentify.private import (
    SAFE_PRIVATE,
    creator_tag,
    creators_in,
    kept_private,
    opened,
    safe_row,
    vr_of_private,
)
from tasks.deidentify.structured import CONCEPT_NAME, VALUES, cap_age, names_someone, place_of
from tasks.deidentify.values import Element, codecs_in, is_empty, known_vr, settled_vr

_PIXEL_GROUP = 0x7FE0  # inside an item it is a thumbnail
_MEASUREMENTS = frozenset({"DS", "IS"})  # a made-up number is worse than none
_NEEDS_VALUE = frozenset({Action.KEEP, Action.CLEAN, Action.NEW_UID})


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is fixed while one object is worked on, and the count of what was done where."""

    keeping: Keeping
    types: Mapping[Path, Types]
    done: Counter[tuple[Path, Action]] = field(default_factory=Counter)

    @property
    def profile(self) -> Profile:
        """The profile in force."""
        return self.keeping.profile


@dataclass(frozen=True, slots=True)
class Level:
    """Where in the object the walk is.

    `hollow` tells that nothing here is kept, only what the IOD requires stays; `nameless` that the value of this
    content item goes, for what it is the value of.
    """

    path: Path = ()
    codecs: tuple[str, ...] = ASCII
    hollow: bool = False
    nameless: bool = False

    def inside(self, tag: int, *, hollow: bool = False) -> "Level":
        """Give the level of the items of a sequence."""
        return Level((*self.path, tag), self.codecs, self.hollow or hollow)


def clean_dataset(dataset: Dataset, cleaning: Cleaning, level: Level = Level()) -> None:
    """Clean a data set or item in place."""
    codecs = codecs_in(dataset, level.codecs)
    level = Level(level.path, codecs, level.hollow, nameless=_is_nameless(dataset, cleaning, codecs))
    code = _cleaned_code(dataset, cleaning, level)
    if code is not None:
        _put_code(dataset, code)
    stays = _kept_private_elements(dataset, cleaning, level) | _kept_graphics(dataset, cleaning, level)
    for tag in sorted(map(int, dataset.keys())):
        if tag in stays:
            cleaning.done[(*level.path, tag), Action.KEEP] += 1
        elif is_removed_group(tag, cleaning.profile) or (level.path and tag >> 16 == _PIXEL_GROUP):
            del dataset[tag]
            cleaning.done[(*level.path, tag), Action.REMOVE] += 1
        elif code is None or tag not in CODE_TAGS:
            _clean_element(dataset, tag, cleaning, level)


def _is_nameless(dataset: Dataset, cleaning: Cleaning, codecs: tuple[str, ...]) -> bool:
    """Tell whether a content item names someone or something, and cap it if it is an age."""
    if CONCEPT_NAME not in dataset:
        return False
    cap_age(dataset, cleaning.profile, codecs)
    return names_someone(dataset, cleaning.profile, codecs)


def _cleaned_code(dataset: Dataset, cleaning: Cleaning, level: Level) -> Mapping[int, str] | None:
    """Give what stays of a coded concept, or null if the data set is none."""
    if not level.path or not is_code(dataset):
        return None
    if level.hollow:
        return LOCAL
    retained = cleaning.profile.option_of(level.path[-1]) in IDENTITIES
    return cleaned_code(dataset, cleaning.keeping, level.codecs, retained=retained)


def _kept_private_elements(dataset: Dataset, cleaning: Cleaning, level: Level) -> set[int]:
    """Clean the private elements that may stay, and give their tags and those of their creators."""
    kept: set[int] = set()
    if level.hollow or SAFE_PRIVATE not in cleaning.profile.options:
        return kept
    creators = creators_in(dataset)
    for tag in [int(tag) for tag in dataset.keys() if tag.is_private and not tag.is_private_creator]:  # noqa: SIM118 -- iterating a Dataset converts every element
        row = safe_row(tag, creators.get(creator_tag(tag)), cleaning.profile)
        element = dataset.get_item(tag)
        result = _private(element, row, cleaning, level) if row else None
        if result is not None:
            if result is not element:
                dataset[tag] = result
            kept.update((tag, creator_tag(tag)))
    return kept


def _private(element: Element, row: SafePrivate, cleaning: Cleaning, level: Level) -> Element | None:
    vr = vr_of_private(element, row)
    if "SQ" not in (vr, row.vr):
        return kept_private(element, row, cleaning.keeping, level.codecs)
    sequence = opened(element) if vr == row.vr else None
    if sequence is None:
        return None
    return _kept(_Found(sequence, int(element.tag), "SQ", is_settled=True, kind=""), cleaning, level)


def _kept_graphics(dataset: Dataset, cleaning: Cleaning, level: Level) -> frozenset[int]:
    """Take what may be writing out of drawn annotations, and give the tags of the overlays that are none."""
    if level.path or CLEAN_GRAPHICS not in cleaning.profile.options:
        return frozenset()
    dropped = drop_handwriting(dataset)
    if dropped:
        cleaning.done[(GRAPHIC_ANNOTATIONS,), Action.REMOVE] += dropped
    return kept_overlay_tags(dataset)


def _put_code(item: Dataset, code: Mapping[int, str]) -> None:
    for tag in CODE_TAGS:
        if tag in code:
            item[tag] = DataElement(tag, known_vr(tag, {}), code[tag])
        elif tag in item:
            del item[tag]


def _clean_element(dataset: Dataset, tag: int, cleaning: Cleaning, level: Level) -> None:
    profile = cleaning.profile
    found = _found(dataset.get_item(tag), cleaning, level)
    action = _action(found, profile)
    if (level.hollow and action in (Action.KEEP, Action.CLEAN)) or (level.nameless and tag in VALUES):
        action = without_value(found.kind)
    result = _result(found, action, cleaning, level)
    if result is None and action in _NEEDS_VALUE:
        action = _action_without_value(found, profile)
        result = _result(found, action, cleaning, level)
    if result is None:
        del dataset[tag]
    elif result is not found.element:
        dataset[tag] = result
    elif found.vr == "UI":
        action = Action.KEEP
    cleaning.done[(*level.path, tag), action] += 1


@dataclass(frozen=True, slots=True)
class _Found:
    """An element and what it is: its VR, whether its value is of that VR, and its Type at this place of the IOD."""

    element: Element
    tag: int
    vr: str
    is_settled: bool
    kind: str


def _found(element: Element, cleaning: Cleaning, level: Level) -> _Found:
    tag = int(element.tag)
    known = known_vr(tag, cleaning.profile.attributes)
    settled = settled_vr(element, known)
    kind = cleaning.types.get(place_of(level.path), {}).get(tag, "")
    return _Found(element, tag, settled or known.split(" or ", maxsplit=1)[0], bool(settled), kind)


def _action(found: _Found, profile: Profile) -> Action:
    code = code_of(found.tag, found.vr, profile)
    return without_value(found.kind) if code is None else resolve(code, found.kind)


def _action_without_value(found: _Found, profile: Profile) -> Action:
    """Give what happens to an attribute whose value should stay and cannot."""
    attribute = profile.attributes.get(found.tag)
    action = resolve(Code(attribute.basic), found.kind) if attribute else without_value(found.kind)
    return without_value(found.kind) if action in _NEEDS_VALUE else action


def _result(found: _Found, action: Action, cleaning: Cleaning, level: Level) -> Element | None:
    """Give what stands in the place of an element after an action, or null if nothing does."""
    result: Element | None
    match action:
        case Action.REMOVE:
            result = None
        case Action.EMPTY:
            result = DataElement(found.tag, found.vr, [] if found.vr == "SQ" else None)
        case Action.DUMMY:
            result = _dummy(found, cleaning, level)
        case Action.KEEP | Action.CLEAN | Action.NEW_UID:
            result = _kept(found, cleaning, level) if found.is_settled else None
        case _:
            assert_never(action)
    return result


def _kept(found: _Found, cleaning: Cleaning, level: Level) -> Element | None:
    element = found.element
    if found.vr != "SQ":
        return kept_element(element, found.vr, cleaning.keeping, level.codecs)
    if not isinstance(element.value, Sequence):
        return None
    items = list(element.value)
    had_content = [len(item) > 0 for item in items]
    for item in items:
        clean_dataset(item, cleaning, level.inside(found.tag))
    left = [item for item, had in zip(items, had_content, strict=True) if len(item) or not had]
    if items and not left:
        if found.kind != "1":
            return None
        left = items[:1]
    if len(left) < len(items):
        element.value = Sequence(left)
    return element


def _dummy(found: _Found, cleaning: Cleaning, level: Level) -> DataElement:
    if found.vr == "SQ":
        items = list(found.element.value)[:1] if isinstance(found.element.value, Sequence) else []
        for item in items:
            clean_dataset(item, cleaning, level.inside(found.tag, hollow=True))
        return DataElement(found.tag, "SQ", [item for item in items if len(item)])
    if found.vr in _MEASUREMENTS or is_empty(found.element):
        return DataElement(found.tag, found.vr, None)
    return DataElement(found.tag, found.vr, dummy_value(found.tag, found.vr, cleaning.profile.dates))
