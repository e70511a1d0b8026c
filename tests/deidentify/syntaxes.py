"""Data sets written in other layouts."""

from io import BytesIO

from pydicom import Dataset
from pydicom.filewriter import dcmwrite


def in_syntax(dataset: Dataset, syntax: str) -> bytes:
    """The file of a data set in another layout."""
    source, out = Dataset(), BytesIO()
    source._dict.update(dataset._dict)
    source.file_meta = dataset.file_meta
    source.file_meta.TransferSyntaxUID = syntax
    dcmwrite(out, source, enforce_file_format=True)
    return out.getvalue()
