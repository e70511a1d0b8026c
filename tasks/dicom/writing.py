"""Writing: file meta and preamble are made from nothing, so that nothing of the contributor's can be in them."""

from io import BytesIO

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from tasks.dicom.silence import silenced

IMPLEMENTATION_CLASS_UID = "2.25.262087327498262846135087127166417206547"  # one random UUID, for good
IMPLEMENTATION_VERSION_NAME = "IMAGCURATION_0_1"  # at most 16 characters (PS3.10 table 7.1-1)
PREAMBLE = bytes(128)


def write_dataset(dataset: FileDataset) -> bytes:
    """Give the Part 10 file of a data set that `tasks.dicom.reading.read_dataset` gave; same input, same bytes.

    The file meta information holds the version, SOP Class and Instance UID of the data set, its transfer syntax and
    our implementation, and nothing else; the preamble is zero; there are no group lengths. The transfer syntax is
    that in ``dataset.file_meta``: the one of the source, but deflated and big endian sources become Explicit VR
    Little Endian. Elements are in tag order, each tag once.

    Raises
    ------
    Exception
        Whatever pydicom meets in values that cannot be written; its text may hold them.
    """
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    out = BytesIO()
    with silenced():
        finished = _in_new_file(dataset, syntax)
        dcmwrite(out, finished, enforce_file_format=True)
    return out.getvalue()


def _in_new_file(dataset: FileDataset, syntax: UID) -> FileDataset:
    """Put the elements under our own file meta and preamble; the given data set is not changed."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    finished = FileDataset("", dataset, PREAMBLE, meta, syntax.is_implicit_VR, is_little_endian=True)
    implicit, little = dataset.original_encoding
    finished.set_original_encoding(implicit, little, dataset.original_character_set)
    return finished
