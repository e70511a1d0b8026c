import pytest

from config.deid import load_profile
from tasks.deidentify.actions import Action, Code, resolve, without_value

TYPES = ("1", "1C", "2", "2C", "")
# What PS3.15 Table E.1-1a says of each code, for Type      1    1C   2    2C   3
EXPECTED = """
    X       D X Z X X
    Z       D Z Z Z Z
    D       D D D D D
    U       U U U U U
    K       K K K K K
    C       C C C C C
    X/Z     D D Z Z X
    X/D     D D Z Z X
    X/Z/D   D D Z Z X
    Z/D     D D Z Z Z
    X/Z/U*  U U Z Z X
"""


@pytest.mark.parametrize("line", [line.split() for line in EXPECTED.strip().splitlines()], ids=lambda line: line[0])
def test_a_code_is_decided_by_the_type_of_the_attribute(line: list[str]) -> None:
    assert [resolve(Code(line[0]), kind).value for kind in TYPES] == line[1:]


def test_every_code_of_the_standard_is_decided() -> None:
    codes = {attribute.code for attribute in load_profile().attributes.values()}
    codes |= {attribute.basic for attribute in load_profile().attributes.values()}
    assert codes <= set(Code)


@pytest.mark.parametrize(("kind", "action"), [("1", "D"), ("1C", "D"), ("2", "Z"), ("2C", "Z"), ("", "X")])
def test_a_value_that_must_go_leaves_as_much_as_the_iod_needs(kind: str, action: str) -> None:
    assert without_value(kind) is Action(action)
