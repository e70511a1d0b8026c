import stat
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.keys import KeyRing, load_key_ring, new_key_ring, parse_key_ring, write_key_ring


def test_a_new_key_ring_loads_from_a_file_and_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep/keys.toml"
    write_key_ring(path)
    monkeypatch.setenv("RING", path.read_text())
    rings = [load_key_ring(name) for name in (str(path), f"file:{path}", "env:RING")]
    assert rings[0] == rings[1] == rings[2]
    assert len(rings[0].key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_ring_is_never_overwritten(tmp_path: Path) -> None:
    write_key_ring(tmp_path / "keys.toml")
    with pytest.raises(ConfigError, match="never overwritten"):
        write_key_ring(tmp_path / "keys.toml")


def test_two_new_key_rings_differ() -> None:
    assert new_key_ring() != new_key_ring()


def test_a_key_never_shows_in_a_representation() -> None:
    ring = KeyRing(1, {1: b"Z" * 32})
    assert "ZZ" not in repr(ring)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "current = 2\n[keys]\n1 = 'AAAA'",
        "current = 1\n[keys]\n1 = 'AAAA'",
        "current = 1\nkeys = 3",
        "current =",
        "current = 1\n[keys]\n1 = '§'",
    ],
)
def test_what_is_no_key_ring_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError) as problem:
        parse_key_ring(text, name="the ring")
    assert "AAAA" not in problem.value.message
    assert problem.value.message.startswith("the ring is no key ring")


@pytest.mark.parametrize("name", ["", "env:NOT_SET", "/nowhere/keys.toml"])
def test_a_missing_key_ring_says_how_to_make_one(name: str) -> None:
    with pytest.raises(ConfigError) as problem:
        load_key_ring(name)
    assert "curate keys new" in problem.value.next_step
