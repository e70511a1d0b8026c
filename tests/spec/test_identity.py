import hashlib
import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from config.keys import KeyRing
from tasks.identity import (
    MAX_WEEKS,
    MIN_WEEKS,
    Pseudonymizer,
    date_offset_days,
    pseudonymous_uid,
    source_blocks,
    source_id,
    subject_id,
)

RING = KeyRing(1, {1: bytes(range(32)), 2: bytes(32)})
OTHER = KeyRing(2, RING.keys)
ids = st.text(min_size=1, max_size=64).filter(lambda text: text == text.strip(" \0"))


@given(ids, ids)
def test_different_patients_get_different_pseudonyms(first: str, second: str) -> None:
    same = subject_id(RING, "s01", first) == subject_id(RING, "s01", second)
    assert same == (first == second)


@given(ids)
def test_one_id_of_two_issuers_is_two_people(patient: str) -> None:
    assert subject_id(RING, "s01", patient) != subject_id(RING, "s02", patient)


@given(ids, st.sampled_from(["", " ", "  ", "\0"]))
def test_padding_does_not_make_another_patient(patient: str, padding: str) -> None:
    assert subject_id(RING, "s01", patient + padding) == subject_id(RING, "s01", patient)


@given(ids)
def test_a_pseudonym_is_a_legal_patient_id(patient: str) -> None:
    assert re.fullmatch(r"[A-Z2-7]{20}", subject_id(RING, "s01", patient))


@given(st.text(max_size=80))
def test_a_new_uid_is_legal_whatever_it_replaces(uid: str) -> None:
    new = pseudonymous_uid(RING, uid)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", new)
    assert len(new) <= 64
    number = UUID(int=int(new.removeprefix("2.25.")))
    assert (number.version, number.variant) == (8, "specified in RFC 4122")


@given(ids)
def test_a_date_offset_is_whole_weeks_of_one_to_ten_years_back(patient: str) -> None:
    days = date_offset_days(RING, subject_id(RING, "s01", patient))
    assert days % 7 == 0
    assert -7 * MAX_WEEKS <= days <= -7 * MIN_WEEKS


def test_another_key_gives_other_names_for_everything() -> None:
    for make in (
        lambda ring: subject_id(ring, "a", "b"),
        lambda ring: pseudonymous_uid(ring, "1.2"),
        lambda ring: source_id(ring, "k"),
    ):
        assert make(RING) != make(OTHER)


def test_values_are_the_same_in_every_version_of_the_code() -> None:
    """These are in published releases: a change here breaks every link to them."""
    assert subject_id(RING, "s01", "MRN1") == "QPNUERYADF7DIBWTTZRU"
    assert pseudonymous_uid(RING, "1.2.840.1") == "2.25.76390868067137731845343244339326609525"
    assert date_offset_days(RING, "GOLDEN") == -2366
    assert source_id(RING, "s01/b/x.dcm") == "d1ef0e94d935e0f211ba8e59d6f1198b"


def test_a_pseudonymizer_binds_ring_and_issuer() -> None:
    bound = Pseudonymizer(RING, "s01")
    assert bound.subject("x") == subject_id(RING, "s01", "x")
    assert bound.uid("1.2") == pseudonymous_uid(RING, "1.2")
    assert bound.offset_days("x") == date_offset_days(RING, "x")
    assert bound.source("k") == source_id(RING, "k")
    assert "ring" not in repr(bound)


@given(st.text(max_size=80))
def test_the_two_blocks_give_the_name_of_a_source_by_rfc_2104(key: str) -> None:
    inner, outer = source_blocks(RING)
    digest = hashlib.sha256(outer + hashlib.sha256(inner + key.encode()).digest()).hexdigest()
    assert digest[:32] == source_id(RING, key)
    assert Pseudonymizer(RING, "s01").source_blocks() == (inner, outer)
