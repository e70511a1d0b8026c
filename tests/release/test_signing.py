"""A release is signed in minisign's form, by its publisher and nobody else."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from config.signing import SigningKey, parse_public_key, write_signing_key
from tasks.release.build import build_release
from tasks.release.verify import verify_release
from tasks.store.memory import MemoryStore
from tests.release.batches import Installation, Stopped, StoppingStore, a_policy

ROOT = "releases/2026.11/"
SIGNATURE = f"{ROOT}_COMMIT.json.minisig"


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return write_signing_key(tmp_path_factory.mktemp("keys") / "sign.key")


@pytest.fixture(scope="session")
def another(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return write_signing_key(tmp_path_factory.mktemp("keys") / "other.key")


@pytest.fixture
def signed(installation: Installation, key: SigningKey) -> Installation:
    made = replace(installation, signer=key)
    build_release("2026.11", context=made.context)
    return made


def problems(store: MemoryStore, *keys: SigningKey) -> list[tuple[str, bool]]:
    trusted = [parse_public_key(one.public, name="key") for one in keys]
    return [(one.check, one.is_note) for one in verify_release(store, trusted=trusted, sample=0)]


def put(store: MemoryStore, key: str, data: bytes) -> None:
    store.delete(key)
    store.create(key, data)


def test_a_signed_release_verifies_by_the_publishers_key(
    signed: Installation, key: SigningKey, another: SigningKey
) -> None:
    assert problems(signed.release, key) == []
    assert problems(signed.release, another, key) == [], "one of several keys is enough: keys are rotated"
    assert problems(signed.release, another) == [("signature", False)]


def test_without_a_key_of_ones_own_the_one_in_the_release_is_used_and_that_is_told(signed: Installation) -> None:
    assert problems(signed.release) == [("signature", True)]


def test_a_signature_of_something_else_or_damaged_is_found(signed: Installation) -> None:
    good = signed.release.read(SIGNATURE)
    build_release("2026.12", context=signed.context)
    for bad in (
        signed.release.read("releases/2026.12/_COMMIT.json.minisig"),
        good[:-20],
        good.replace(b"2026.11", b"2026.10"),
        b"",
    ):
        put(signed.release, SIGNATURE, bad)
        found = [one for one in verify_release(signed.release, version="2026.11", sample=0) if not one.is_note]
        assert [one.check for one in found] == ["signature"]
    put(signed.release, SIGNATURE, good)
    put(signed.release, f"{ROOT}minisign.pub", b"no key")
    assert ("signature", False) in [
        (one.check, one.is_note) for one in verify_release(signed.release, version="2026.11")
    ]


def test_an_unsigned_release_is_a_problem_to_those_who_have_a_key(installation: Installation, key: SigningKey) -> None:
    build_release("2026.11", context=installation.context)
    assert problems(installation.release) == []
    assert problems(installation.release, key) == [("signature", False)]


def test_a_signature_that_was_taken_away_is_missed(signed: Installation) -> None:
    signed.release.delete(SIGNATURE)
    assert problems(signed.release) == [("signature", False)]


def test_the_same_commit_has_the_same_signature(signed: Installation) -> None:
    other = replace(signed, release=MemoryStore("other"))
    build_release("2026.11", context=other.context)
    assert other.contents() == signed.contents()


def test_a_release_that_stands_unsigned_is_signed_by_the_next_build_and_a_signature_stays(
    installation: Installation, key: SigningKey, another: SigningKey
) -> None:
    build_release("2026.11", context=installation.context)
    assert build_release("2026.11", context=replace(installation, signer=key).context).unchanged
    assert problems(installation.release, key) == []
    before = installation.contents()
    build_release("2026.11", context=replace(installation, signer=another).context)
    assert installation.contents() == before


def test_both_parts_are_signed(installation: Installation, key: SigningKey) -> None:
    policy = a_policy(partition={"sequestered_percent": 34})
    made = replace(installation, policy=policy, sequestered=MemoryStore("s"), signer=key)
    build_release("2026.11", context=made.context)
    assert problems(made.release, key) == problems(made.sequestered, key) == []


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_builder_killed_around_the_signature_is_finished_by_the_next(
    installation: Installation, key: SigningKey, after: int
) -> None:
    made = replace(installation, signer=key)
    build_release("2026.10", context=made.context)
    earlier = made.contents()
    build_release("2026.11", context=made.context)
    end = made.contents()
    again = replace(made, release=MemoryStore("again"))
    for name, content in earlier.items():
        again.release.create(name, content)
    writes = len(end) - len(earlier) + 1
    stopping = StoppingStore(again.release, after=writes - after, lands=True)
    with pytest.raises(Stopped):
        build_release("2026.11", context=replace(again, release=stopping).context)
    build_release("2026.11", context=again.context)
    assert again.contents() == end


@pytest.mark.skipif(shutil.which("minisign") is None, reason="the program minisign is not installed")
def test_the_program_minisign_verifies_a_release_and_refuses_a_changed_one(
    signed: Installation, key: SigningKey, tmp_path: Path
) -> None:
    commit, signature, public = tmp_path / "_COMMIT.json", tmp_path / "_COMMIT.json.minisig", tmp_path / "minisign.pub"
    commit.write_bytes(signed.release.read(f"{ROOT}_COMMIT.json"))
    signature.write_bytes(signed.release.read(SIGNATURE))
    public.write_bytes(signed.release.read(f"{ROOT}minisign.pub"))
    line = key.public.decode().splitlines()[1]
    for words in (["-p", str(public)], ["-P", line]):
        said = subprocess.run(
            ["minisign", "-V", *words, "-m", str(commit)], capture_output=True, text=True, check=False
        )
        assert (said.returncode, "release 2026.11" in said.stdout) == (0, True), said.stderr
    commit.write_bytes(commit.read_bytes().replace(b"CC-BY-4.0", b"CC0-1.0"))
    said = subprocess.run(
        ["minisign", "-V", "-p", str(public), "-m", str(commit)], capture_output=True, text=True, check=False
    )
    assert said.returncode != 0
