"""From a tag, its VR and its place to what the profile says about it."""

from functools import lru_cache

from config.deid import Profile
from config.deid.profile import Path, Types
from tasks.deidentify.actions import Code
from tasks.deidentify.values import BYTES_VRS, FREE_TEXT_VRS

# What has no row in Table E.1-1: these VRs can hold no more than a number, a defined term or a nested data set.
_KEPT_VRS = frozenset(
    {"AT", "CS", "DS", "FD", "FL", "IS", "SL", "SQ", "SS", "SV", "UL", "US", "UV"},
)
_REMOVED_VRS = FREE_TEXT_VRS | BYTES_VRS | {"AE", "AS", "DA", "DT", "TM", "UR"}
_ODD = 0x10000


def is_removed_group(tag: int, profile: Profile) -> bool:
    """Tell whether an element goes for its group or its place in it: private, a group length, or a group we remove."""
    group = tag >> 16
    if tag & _ODD or not tag & 0xFFFF:
        return True
    return any(first <= group <= last for first, last in profile.removed_groups)


def code_of(tag: int, vr: str, profile: Profile) -> Code | None:
    """Give the code that decides about an attribute.

    Null stands for "remove, unless the IOD needs a value there": what the profile does not name.

    Parameters
    ----------
    vr
        The VR of the dictionary; empty for a tag that the pinned edition does not know, which is removed outright.
        Groups that are removed whole do not come here (`is_removed_group`).
    """
    if not vr:
        return Code.REMOVE
    attribute = profile.attributes.get(tag)
    if attribute:
        return Code(attribute.code)
    if vr == "UI":
        return Code.NEW_UID
    if vr in _KEPT_VRS or tag in profile.kept:
        return Code.KEEP
    return None


@lru_cache(maxsize=256)
def types_of(profile: Profile, iod: str) -> dict[Path, Types]:
    """Give the Types of the attributes of an IOD by path; where modules differ, the strictest counts."""
    merged: dict[Path, dict[int, str]] = {}
    for module in profile.iods[iod]:
        for path, types in profile.module_types.get(module, {}).items():
            place = merged.setdefault(path, {})
            for tag, kind in types.items():
                place[tag] = min(kind, place.get(tag, kind))
    return dict(merged)
