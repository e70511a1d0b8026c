import uuid

from hypothesis import given
from hypothesis import strategies as st

from tasks.release.uuids import instance_uuid, series_uuid

uids = st.from_regex(r"2\.25\.[1-9][0-9]{0,38}", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(uids, digests)
def test_names_are_version_8_uuids_in_their_canonical_form(uid: str, sha256: str) -> None:
    for name in (series_uuid(uid), instance_uuid(uid, sha256)):
        parsed = uuid.UUID(name)
        assert (str(parsed), parsed.version, parsed.variant) == (name, 8, uuid.RFC_4122)


@given(uids, digests, digests)
def test_an_instance_changes_its_name_with_its_content_and_only_then(uid: str, old: str, new: str) -> None:
    assert (instance_uuid(uid, old) == instance_uuid(uid, new)) == (old == new)


@given(uids, uids)
def test_a_series_keeps_its_name(one: str, other: str) -> None:
    assert (series_uuid(one) == series_uuid(other)) == (one == other)


def test_names_stay_as_they_are_in_every_version_of_the_code() -> None:
    assert series_uuid("2.25.1") == "fb3d9636-267d-8f80-8111-c413e768165f"
    assert instance_uuid("2.25.1", "0" * 64) == "55876591-33ac-8704-8bcc-35bf67d5e49f"
