import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deidentify import residual
from tasks.deidentify.charsets import ASCII
from tasks.deidentify.dates import read_date
from tasks.deidentify.needles import (
    contact_needles,
    date_needles,
    harvest,
    identifier_needles,
    name_needles,
    uid_needles,
)
from tasks.deidentify.residual import found_in_header, found_in_pixels, has_text
from tasks.identifiers.needle import Kind, Needle
from tasks.identifiers.search import found_in_text
from tests.deidentify.objects import PROFILE, ROOT, a_ct, an_item


def texts(needles: Iterable[Needle]) -> set[str]:
    return {needle.text for needle in needles}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Doe^Jane", {"jane", "doe^jane", "jane^doe", "doe jane", "jane, doe", "janedoe"}),
        ("Yamada^Tarou=山田^太郎", {"yamada", "tarou", "山田", "太郎", "山田太郎", "太郎 山田"}),
        ("Smith^A", {"smith", "smith^a", "a smith"}),
        ("van der Berg^Jo", {"berg"}),
        ("^^^20201234", {"20201234"}),
    ],
)
def test_names_are_looked_for_in_parts_and_orders(name: str, expected: set[str]) -> None:
    assert expected <= texts(name_needles(name))


@pytest.mark.parametrize("name", ["", "^^^", "Li", "X^Y", "ANONYMOUS^PATIENT", "TEST", "1234", "=="])
def test_what_names_nobody_is_not_looked_for(name: str) -> None:
    assert not texts(name_needles(name))


@pytest.mark.parametrize(
    ("identifier", "found"), [("1CT1", True), ("12345", False), ("123456", True), ("A1", False), ("none", False)]
)
def test_short_identifiers_and_small_numbers_are_not_looked_for(identifier: str, *, found: bool) -> None:
    assert bool(texts(identifier_needles(identifier))) is found


def test_contacts_are_looked_for_as_written_and_as_digits() -> None:
    assert texts(contact_needles("+1 (555) 010-9999")) == {"+1 (555) 010-9999", "15550109999"}
    assert texts(contact_needles("12 Long Road")) == {"12 long road"}
    assert not texts(contact_needles("A4"))


def test_uids_that_stay_are_not_looked_for() -> None:
    assert not texts(uid_needles("1.2.840.10008.5.1.4.1.1.2", 0x00080016))
    assert not texts(uid_needles("1.2.3", 0x00080018))
    assert texts(uid_needles(f"{ROOT}.1", 0x00080018)) == {f"{ROOT}.1"}


def test_needles_come_from_every_depth_and_every_kind() -> None:
    dataset = a_ct(
        PatientTelephoneNumbers="555 010 9999",
        ReferencedDefinedProtocolSequence=[
            an_item(OperatorsName="ZZDEEP^A", StudyDate="20190101", OtherPatientIDs="ZZ99")
        ],
    )
    needles = harvest(dataset, PROFILE, ASCII)
    assert {needle.kind for needle in needles} == set(Kind)
    assert {"zzdeep", "zz99", "zzcanary7", "zzcanaryref", "20190101", "2019-01-01", f"{ROOT}.1.1"} <= texts(needles)
    assert not any(needle.text.startswith("1.2.840.10008.") for needle in needles)


@pytest.mark.parametrize(
    "text",
    [
        "v zzsmith 3",
        "ZZSMITH",
        "a^ZZSmith",
        "zzsmith\\x",
        "15.03.2020",
        "2020/03/15",
        "(15-MAR-2020)",
        f"see {ROOT}.1!",
    ],
)
def test_needles_are_found_in_text(text: str) -> None:
    needles = [*name_needles("ZZSMITH^A"), *uid_needles(f"{ROOT}.1", 0), *date_needles_of("20200315")]
    assert found_in_text(text, needles)


@pytest.mark.parametrize("text", ["", "zzsmithsonite", "xzzsmith", "1.2.840.9.12", "120200315", "1.5", "smith"])
def test_parts_of_something_else_are_not(text: str) -> None:
    needles = [*name_needles("ZZSMITH^A"), *uid_needles("1.2.840.9.1", 0), *date_needles_of("20200315")]
    assert not found_in_text(text, needles)


def date_needles_of(text: str) -> list[Needle]:
    return list(date_needles(read_date(text), PROFILE))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "utf-16-be", "shift_jis", "iso2022_jp", "euc_jp", "gb18030"]
)
@pytest.mark.parametrize("name", ["Zzyamada^Tarou", "山田^太郎"])
def test_needles_are_found_in_bytes_in_every_encoding(name: str, encoding: str) -> None:
    header = b"\x08\x00\x70\x00LO\x20\x00" + name.replace("^", " ").encode(encoding) + b"\x10\x00"
    assert found_in_header(header, list(name_needles(name)), ("iso8859", "euc_jp"))


@pytest.mark.parametrize("group", [0x0008, 0x0032, 0x0038, 0x0040, 0x0054, 0x3006])
def test_the_tag_that_follows_a_value_does_not_hide_it(group: int) -> None:
    header = b"LO\x08\x00zzsmiths" + group.to_bytes(2, "little") + b"\x10\x00"
    assert found_in_header(header, list(name_needles("ZZSMITHS")))


def test_an_encoding_that_cannot_write_a_needle_is_passed_over() -> None:
    assert not found_in_header(b"nothing here", list(name_needles("山田^太郎")), ("no such codec",))


def test_pixels_are_searched_for_long_names_only() -> None:
    needles = [*name_needles("Zzcanary^Jane"), *date_needles_of("20200315")]
    assert found_in_pixels(b"\0\1ZZCANARY\2", needles)
    assert found_in_pixels(b"\0\1Zzcanary\2", needles)
    assert not found_in_pixels(b"\0\1JANE 20200315\2", needles)


def test_a_name_across_two_chunks_of_pixels_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "CHUNK", 16)
    assert found_in_pixels(bytes(12) + b"ZZCANARY" + bytes(12), list(name_needles("Zzcanary")))


def test_a_name_in_other_letters_among_pixels_is_found() -> None:
    needles = list(name_needles("山田^太郎"))
    assert found_in_pixels(bytes(8) + "山田".encode() + bytes(8), needles)
    assert not found_in_pixels(bytes(32), needles)


@given(st.binary(max_size=60))
def test_six_printable_characters_in_a_row_are_seen(pixels: bytes) -> None:
    assert has_text(pixels) is bool(re.search(rb"[ -~]{6}", pixels))


@given(st.binary(max_size=400))
def test_noise_holds_no_needle(noise: bytes) -> None:
    needles = [*name_needles("Zzyzxqq^Qzzyqzz"), *date_needles_of("20200315"), *uid_needles(f"{ROOT}.1.1", 0)]
    assert not found_in_header(noise, needles)
