from pathlib import Path

import pytest

from config.errors import ConfigError
from config.release import load_release_policy


def test_the_default_policy_loads() -> None:
    policy = load_release_policy()
    assert (policy.license, policy.batches, policy.accept_not_checked) == ("CC-BY-4.0", "all", True)


def test_a_policy_file_changes_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "release.toml"
    file.write_text('license = "CC0-1.0"\nbatches = ["site-a/batch 1"]\n')
    policy = load_release_policy(file)
    assert (policy.license, policy.batches) == ("CC0-1.0", ("site-a/batch 1",))
    assert policy.collection == load_release_policy().collection


def test_a_section_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "release.toml"
    file.write_text("[partition]\nsequestered_percent = 0\n")
    usual, policy = load_release_policy().partition, load_release_policy(file).partition
    assert (usual.sequestered_percent, policy.sequestered_percent) == (20, 0)
    assert policy == usual.model_copy(update={"sequestered_percent": 0})


def test_the_digest_changes_with_the_content_only(tmp_path: Path) -> None:
    same, other = tmp_path / "same.toml", tmp_path / "other.toml"
    same.write_text('# a remark\nlicense = "CC-BY-4.0"\n')
    other.write_text('license = "CC-BY-NC-4.0"\n')
    assert load_release_policy(same).digest == load_release_policy().digest != load_release_policy(other).digest


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('licence = "CC0-1.0"', "licence"),
        ('license = "not a licence"', "license"),
        ('collection = "Of People"', "collection"),
        ('version_scheme = "dates"', "version_scheme"),
        ('address = "https://example.org"', "address"),
        ('authz = ["open"]', "authz"),
        ('batches = "some"', "batches"),
        ('access_level = "sequestered"', "access_level"),
        ("license = ", "TOML"),
        ("[partition]\nsequestered_percent = 100", "partition.sequestered_percent"),
        ("[partition]\nshare = 20", "partition.share"),
        ('[partition]\nattributes = ["sex", "sex"]', "stands twice"),
        ('[partition]\nattributes = ["zip3"]', "partition.attributes"),
        ("[partition]\nage_bands = [40, 18]", "do not ascend"),
        ("partition = 20", "partition"),
        ('[withdrawal]\nobjects = "forget"', "withdrawal.objects"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_field(tmp_path: Path, text: str, field: str) -> None:
    file = tmp_path / "release.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=field) as refused:
        load_release_policy(file)
    assert str(file) in refused.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no release policy"):
        load_release_policy(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("scheme", "version", "fits"),
    [
        ("calver", "2026.11", True), ("calver", "2026.11.05", True), ("calver", "2026.11.25.2", True),
        ("calver", "2026.13", False), ("calver", "1.4.0", False), ("calver", "2026.11/..", False),
        ("calver", "2026.11\n", False),
        ("semver", "1.4.0", True), ("semver", "1.4.0-rc.1", True), ("semver", "1.4", False),
        ("semver", "01.4.0", False),        ("semver", "1.4.0+build", False), ("semver", "", False),
    ],
)  # fmt: skip
def test_versions_follow_the_scheme(scheme: str, version: str, fits: bool) -> None:  # noqa: FBT001 -- a table of cases
    policy = load_release_policy().model_copy(update={"version_scheme": scheme})
    if fits:
        policy.check_version(version)
    else:
        with pytest.raises(ConfigError, match=scheme):
            policy.check_version(version)
