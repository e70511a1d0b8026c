"""What can be done with an attribute, and how a code of PS3.15 Table E.1-1 becomes one of these things."""

from enum import StrEnum
from typing import assert_never


class Code(StrEnum):
    """A code of Table E.1-1 (PS3.15 Table E.1-1a)."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    NEW_UID = "U"
    KEEP = "K"
    CLEAN = "C"
    REMOVE_OR_EMPTY = "X/Z"
    REMOVE_OR_DUMMY = "X/D"
    REMOVE_OR_EMPTY_OR_DUMMY = "X/Z/D"
    EMPTY_OR_DUMMY = "Z/D"
    REMOVE_OR_EMPTY_OR_UIDS = "X/Z/U*"


class Action(StrEnum):
    """What is done with one attribute of one object; how it is done depends on its VR."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    NEW_UID = "U"
    KEEP = "K"
    CLEAN = "C"


def without_value(kind: str) -> Action:
    """Give the least that leaves an IOD whole when a value must go.

    Parameters
    ----------
    kind
        Type of the attribute in the IOD at its place (PS3.5 section 7.4): 1, 1C, 2 or 2C; empty for Type 3.
    """
    match kind[:1]:
        case "1":
            return Action.DUMMY
        case "2":
            return Action.EMPTY
        case _:
            return Action.REMOVE


def resolve(code: Code, kind: str) -> Action:
    """Give what a code of the table means for an attribute of this Type.

    A bare X removes also what is required under a condition only; where the IOD always requires the attribute, it is
    emptied or replaced, which removes the value as well and leaves the object valid.
    """
    match code:
        case Code.REMOVE:
            action = Action.REMOVE if kind.endswith("C") else without_value(kind)
        case Code.EMPTY:
            action = Action.DUMMY if kind == "1" else Action.EMPTY
        case Code.EMPTY_OR_DUMMY:
            action = Action.DUMMY if kind.startswith("1") else Action.EMPTY
        case Code.REMOVE_OR_EMPTY | Code.REMOVE_OR_DUMMY | Code.REMOVE_OR_EMPTY_OR_DUMMY:
            action = without_value(kind)
        case Code.REMOVE_OR_EMPTY_OR_UIDS:
            action = Action.NEW_UID if kind.startswith("1") else without_value(kind)
        case Code.DUMMY | Code.NEW_UID | Code.KEEP | Code.CLEAN:
            action = Action(code.value)
        case _:
            assert_never(code)
    return action
