"""What every test starts from: no settings, credentials or telemetry of the machine it runs on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

for _name in [name for name in os.environ if name.startswith(("CURATE_", "AWS_", "PREFECT_"))]:
    if _name != "AWS_CA_BUNDLE":
        del os.environ[_name]
os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


settings.register_profile("here", deadline=None)  # shared machines stall: time is not what these tests are about
settings.load_profile("here")


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in that holds nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
