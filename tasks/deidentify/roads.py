"""One object by the quickest road that takes it; `Outcome.engine` tells which one it was."""

from tasks.deidentify.engine.run import deidentify_bytes
from tasks.deidentify.instance import InstancePolicy, Outcome, deidentify_instance


def deidentify_object(content: bytes, policy: InstancePolicy) -> Outcome:
    """De-identify one object by its bytes, and through pydicom where those do not decide; nothing is raised for it."""
    return deidentify_bytes(content, policy) or deidentify_instance(content, policy)
