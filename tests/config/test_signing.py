"""Signing keys: made once, read by name, and never shown."""

import stat
from pathlib import Path

import pytest
from minisign import SecretKey

from config.errors import ConfigError
from config.signing import load_signing_key, parse_public_key, parse_signing_key, write_signing_key


def test_a_new_key_is_its_owners_and_the_public_one_is_beside_it(tmp_path: Path) -> None:
    key = write_signing_key(tmp_path / "keys/sign.key")
    assert stat.S_IMODE((tmp_path / "keys/sign.key").stat().st_mode) == 0o600
    assert (tmp_path / "keys/sign.key.pub").read_bytes() == key.public
    assert load_signing_key(str(tmp_path / "keys/sign.key")).public == key.public


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "sign.key")
    before = (tmp_path / "sign.key").read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        write_signing_key(tmp_path / "sign.key")
    assert (tmp_path / "sign.key").read_bytes() == before


def test_a_key_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = write_signing_key(tmp_path / "sign.key")
    monkeypatch.setenv("SIGNING", (tmp_path / "sign.key").read_text())
    assert load_signing_key("env:SIGNING").public == key.public


def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNING", raising=False)
    for name in ("", "env:SIGNING", str(tmp_path / "none")):
        with pytest.raises(ConfigError, match="signing key"):
            load_signing_key(name)
    for text in ("secret words", "untrusted comment: x\nc2VjcmV0IHdvcmRz\n", "untrusted comment: é\n"):
        with pytest.raises(ConfigError, match="no signing key") as refused:
            parse_signing_key(text, name="here")
        assert "secret" not in refused.value.message.replace("no signing key in the form", "")


def test_a_key_with_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "sign.key")
    secret = SecretKey.from_file(tmp_path / "sign.key")
    secret.encrypt("password", opslimit=32768, memlimit=1 << 20)
    with pytest.raises(ConfigError, match="has a password") as refused:
        parse_signing_key(bytes(secret).decode(), name="here")
    assert "minisign -C -W" in refused.value.next_step


def test_a_public_key_is_read_from_its_file_or_its_base64(tmp_path: Path) -> None:
    public = write_signing_key(tmp_path / "sign.key").public
    line = public.splitlines()[1]
    assert parse_public_key(public, name="p") == parse_public_key(line, name="p")
    for text in (b"", b"RWQ", b"two\nlines", b"\xff\xfe"):
        with pytest.raises(ConfigError, match="no public key"):
            parse_public_key(text, name="p")
