"""Every object that a test of this folder puts through the pydicom path goes through the engine as well."""

import pytest

from tasks.deidentify.engine.run import deidentify_bytes
from tasks.deidentify.instance import FAILED, InstancePolicy, Outcome, deidentify_instance
from tests.deidentify import objects
from tests.deidentify.engine_oracle import assert_agree


@pytest.fixture(autouse=True)
def _every_outcome_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare both, except where a test makes the pydicom path fail."""

    def compared(content: bytes, policy: InstancePolicy) -> Outcome:
        outcome = deidentify_instance(content, policy)
        found = deidentify_bytes(content, policy)
        if found is not None and outcome.rule_id != FAILED:
            assert_agree(found, outcome)
        return outcome

    monkeypatch.setattr(objects, "deidentify_instance", compared)
