import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deidentify.charsets import ASCII, codecs_of, decoded, known_terms
from tasks.dicom.silence import silenced
from tests.deidentify.objects import a_ct, outcome_of, reread

MAKER = {
    "ISO_IR 100": "Mañana Médical",
    "ISO_IR 101": "Škoda Łódź",
    "ISO_IR 109": "Ħal Ġdid",
    "ISO_IR 110": "Ķekava",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 127": "قباني",
    "ISO_IR 138": "שרון",
    "ISO_IR 144": "Людмила",
    "ISO_IR 148": "Çavuşoğlu",
    "ISO_IR 166": "นามสกุล",
    "ISO_IR 13": "ﾔﾏﾀﾞ",
    "ISO_IR 192": "山田 Médical",
    "GB18030": "王小东",
    "GBK": "王小东",
}


@pytest.mark.parametrize(("term", "text"), MAKER.items(), ids=MAKER)
def test_kept_text_stays_readable_in_its_character_set(term: str, text: str) -> None:
    finished = reread(outcome_of(a_ct(SpecificCharacterSet=term, Manufacturer=text)))
    assert finished.Manufacturer == text
    assert finished.SpecificCharacterSet == term


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (["", "ISO 2022 IR 87"], "Yamada 山田"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ 山田"),
        (["", "ISO 2022 IR 149"], "Hong 김희중"),
        (["", "ISO 2022 IR 100", "ISO 2022 IR 144"], "Buc Люк"),
    ],
)
def test_code_extensions_are_read(terms: list[str], text: str) -> None:
    finished = reread(outcome_of(a_ct(SpecificCharacterSet=terms, Manufacturer=text)))
    assert finished.Manufacturer == text


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        ([], b"M\xe9dical"),  # nothing declared: plain ASCII only
        (["ISO_IR 192"], b"M\xe9dical"),  # wrong label
        (["", "ISO 2022 IR 87"], b"M\xe9dical"),  # no escape before it
        (["ISO_IR 999"], b"M\xe9dical"),  # no label that there is
        (["ISO 2022 IR 87"], b"\x1b$B;3E"),  # half a character
        ([], b"\x1b$B;3ED\x1b(B"),  # escapes that nothing declares
    ],
)
def test_undecodable_text_is_no_text(terms: list[str], value: bytes) -> None:
    with silenced():
        assert decoded(value, codecs_of(terms)) is None


def test_simplified_chinese_by_escape_is_read() -> None:
    value = b"Zhang \x1b$)A\xcd\xf5\xd0\xa1\xb6\xab"
    with silenced():
        assert decoded(value, codecs_of(["", "ISO 2022 IR 58"])) == "Zhang 王小东"
        assert decoded(value, codecs_of(["", "ISO 2022 IR 100"])) is None


def test_undecodable_kept_text_is_removed_and_an_unknown_label_with_it() -> None:
    dataset = a_ct(SpecificCharacterSet="ISO_IR 999", ManufacturerModelName="M\xe9dical 5")
    finished = reread(outcome_of(dataset))
    assert "ManufacturerModelName" not in finished
    assert finished.SpecificCharacterSet == "ISO_IR 100"


def test_unknown_terms_stand_for_ascii() -> None:
    assert codecs_of(["ISO_IR 100", "nonsense"]) == ASCII
    assert not known_terms(["nonsense"])
    assert known_terms(["", "ISO 2022 IR 87"])


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1b\N{REPLACEMENT CHARACTER}"), max_size=20))
def test_utf_8_text_survives_decoding(text: str) -> None:
    assert decoded(text.encode(), codecs_of(["ISO_IR 192"])) == text
