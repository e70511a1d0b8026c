"""The walk over a data set: every element at every depth is kept, changed or removed by the profile, in place."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from pydicom import DataElement, Dataset, Sequence

from config.deid import Profile
from config.deid.profile import Path, Types
from tasks.deidentify.actions import Action, Code, resolve, without_value
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.codes import CODE_TAGS, LOCAL, cleaned_code, is_code
from tasks.deidentify.dummies import dummy_value
from tasks.deidentify.kept import Keeping, kept_element
from tasks.deidentify.policy import code_of, is_removed_group
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
    """Where in the object the walk is: `hollow` tells that nothing here is kept, only what the IOD requires stays."""

    path: Path = ()
    codecs: tuple[str, ...] = ASCII
    hollow: bool = False

    def inside(self, tag: int, *, hollow: bool = False) -> "Level":
        """Give the level of the items of a sequence."""
        return Level((*self.path, tag), self.codecs, self.hollow or hollow)


def clean_dataset(dataset: Dataset, cleaning: Cleaning, level: Level = Level()) -> None:
    """Clean a data set or item in place."""
    level = Level(level.path, codecs_in(dataset, level.codecs), level.hollow)
    code: Mapping[int, str] | None = None
    if level.path and is_code(dataset):
        code = LOCAL if level.hollow else cleaned_code(dataset, cleaning.keeping, level.codecs)
        _put_code(dataset, code)
    for tag in sorted(map(int, dataset.keys())):
        if is_removed_group(tag, cleaning.profile) or (level.path and tag >> 16 == _PIXEL_GROUP):
            del dataset[tag]
            cleaning.done[(*level.path, tag), Action.REMOVE] += 1
        elif code is None or tag not in CODE_TAGS:
            _clean_element(dataset, tag, cleaning, level)


def _put_code(item: Dataset, code: Mapping[int, str]) -> None:
    for tag in CODE_TAGS:
        if tag in code:
            item[tag] = DataElement(tag, known_vr(tag, {}), code[tag])
        elif tag in item:
            del item[tag]


def _clean_element(dataset: Dataset, tag: int, cleaning: Cleaning, level: Level) -> None:
    element = dataset.get_item(tag)
    known = known_vr(tag, cleaning.profile.attributes)
    settled = settled_vr(element, known)
    vr = settled or known.split(" or ", maxsplit=1)[0]
    kind = cleaning.types.get(level.path, {}).get(tag, "")
    action = _action(tag, vr, kind, cleaning.profile)
    if level.hollow and action in (Action.KEEP, Action.CLEAN):
        action = without_value(kind)
    if action in _NEEDS_VALUE:
        kept = _kept(element, settled, kind, cleaning, level) if settled else None
        if kept is not None:
            if kept is not element:
                dataset[tag] = kept
            elif vr == "UI":
                action = Action.KEEP
            cleaning.done[(*level.path, tag), action] += 1
            return
        action = _without_value(tag, kind, cleaning.profile)
    if action is Action.DUMMY and (vr in _MEASUREMENTS or is_empty(element)):
        action = Action.EMPTY
    replacement = _replacement(element, vr, action, cleaning, level)
    if replacement is None:
        del dataset[tag]
    else:
        dataset[tag] = replacement
    cleaning.done[(*level.path, tag), action] += 1


def _action(tag: int, vr: str, kind: str, profile: Profile) -> Action:
    code = code_of(tag, vr, profile)
    return without_value(kind) if code is None else resolve(code, kind)


def _without_value(tag: int, kind: str, profile: Profile) -> Action:
    """Give what happens to an attribute whose value should stay and cannot."""
    attribute = profile.attributes.get(tag)
    action = resolve(Code(attribute.basic), kind) if attribute else without_value(kind)
    return without_value(kind) if action in _NEEDS_VALUE else action


def _kept(element: Element, vr: str, kind: str, cleaning: Cleaning, level: Level) -> Element | None:
    if vr != "SQ":
        return kept_element(element, vr, cleaning.keeping, level.codecs)
    if not isinstance(element.value, Sequence):
        return None
    items = list(element.value)
    had_content = [len(item) > 0 for item in items]
    for item in items:
        clean_dataset(item, cleaning, level.inside(int(element.tag)))
    left = [item for item, had in zip(items, had_content, strict=True) if len(item) or not had]
    if items and not left:
        if kind != "1":
            return None
        left = items[:1]
    if len(left) < len(items):
        element.value = Sequence(left)
    return element


def _replacement(element: Element, vr: str, action: Action, cleaning: Cleaning, level: Level) -> DataElement | None:
    match action:
        case Action.REMOVE:
            return None
        case Action.EMPTY:
            return DataElement(element.tag, vr, [] if vr == "SQ" else None)
        case Action.DUMMY:
            return _dummy(element, vr, cleaning, level)
        case Action.KEEP | Action.CLEAN | Action.NEW_UID:
            raise AssertionError("an element whose value stays is not replaced")
        case _:
            assert_never(action)


def _dummy(element: Element, vr: str, cleaning: Cleaning, level: Level) -> DataElement:
    tag = int(element.tag)
    if vr == "SQ":
        items = list(element.value)[:1] if isinstance(element.value, Sequence) else []
        for item in items:
            clean_dataset(item, cleaning, level.inside(tag, hollow=True))
        return DataElement(tag, vr, [item for item in items if len(item)])
    if vr == "UI":
        return DataElement(tag, vr, cleaning.keeping.pseudonymizer.uid(str(element.value)))
    return DataElement(tag, vr, dummy_value(tag, vr, cleaning.profile.dates))
