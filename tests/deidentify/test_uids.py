import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from tasks.deidentify.uids import is_registered, replaced_uids
from tests.deidentify.objects import PEOPLE, ROOT

SOP_CLASS, SOP_INSTANCE, REFERENCED, FRAME, CONTEXT = 0x00080016, 0x00080018, 0x00081155, 0x00200052, 0x00080117
CT = "1.2.840.10008.5.1.4.1.1.2"
uids = st.lists(st.integers(0, 10**6), min_size=2, max_size=6).map(lambda parts: "1.2." + ".".join(map(str, parts)))


@pytest.mark.parametrize(
    ("uid", "tag", "stays"),
    [
        (CT, SOP_CLASS, True),
        ("1.2.840.10008.1.4.1.1", FRAME, True),  # Talairach brain atlas frame
        ("2.16.840.1.113883.6.96", 0x0008010C, True),  # SNOMED CT as a coding scheme
        ("1.2.840.10008.6.1.9999", CONTEXT, True),  # a context group newer than the dictionary
        ("1.2.840.10008.6.1.9999", REFERENCED, False),
        (f"{CT}.20200315.1", REFERENCED, False),  # an instance named after its class
        ("1.2.840.10008.1.2", SOP_INSTANCE, False),  # an object's own UID, whatever it is
        ("1.2.840.10008.6.1.9999", 0x00099999, False),
        (f"{CT}.1", 0x00099999, True),  # Enhanced CT Image Storage
        (f"{ROOT}.3", FRAME, False),
    ],
)
def test_only_what_the_standard_registers_stays(uid: str, tag: int, *, stays: bool) -> None:
    assert is_registered(uid, tag) is stays


def test_each_value_is_replaced_and_empty_ones_stay() -> None:
    new = replaced_uids([f"{ROOT}.1", "", CT, f"{ROOT}.1\0"], REFERENCED, PEOPLE.uid)
    assert new == [PEOPLE.uid(f"{ROOT}.1"), "", CT, PEOPLE.uid(f"{ROOT}.1")]


@pytest.mark.parametrize("uid", ["1.02.3", "1." * 40, "ZZCANARY", "1.2.3\u00e9"])
def test_an_invalid_uid_is_replaced_by_a_valid_one(uid: str) -> None:
    (new,) = replaced_uids([uid], REFERENCED, PEOPLE.uid)
    assert UID(new).is_valid
    assert new != uid


@given(uids, uids)
def test_replacing_is_consistent_and_injective(first: str, second: str) -> None:
    new = replaced_uids([first, second, first], REFERENCED, PEOPLE.uid)
    assert new[0] == new[2]
    assert (new[0] == new[1]) is (first == second)
    assert all(UID(uid).is_valid for uid in new)
