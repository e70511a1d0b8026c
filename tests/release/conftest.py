"""What most tests of a release start from."""

import pytest

from tests.release.batches import Installation, first_batch, second_batch


@pytest.fixture
def installation() -> Installation:
    """Two accepted batches of two sites, and nothing released yet."""
    made = Installation()
    first_batch().write(made.work)
    second_batch().write(made.work)
    return made
