"""What must never leave: every identifier in the demo's input, for searching what came out."""

from collections.abc import Iterator

from pydicom import DataElement, Dataset

from flows.demo_cohort import CANARY, read_header
from flows.demo_data import demo_batches
from flows.demo_files import real_files

TEXTS = frozenset({"PatientID", "OtherPatientIDs", "AccessionNumber"})
REGISTERED = "1.2.840.10008."  # UIDs that the standard hands out identify nobody
GENERIC = frozenset(
    (
        "Anonymized", "Anonymous", "Last Name^First Name", "Lastname^Firstname", "Enter text", "Philips",
        "exam Number", "operator", "12345678",
    )
)  # fmt: skip
SHORTEST_TEXT, SHORTEST_NUMBER, SHORTEST_UID = 6, 8, 16  # shorter ones turn up by chance in times, sizes and digests
SHORTEST_FOREIGN = 3  # signs outside ASCII


def canaries() -> list[str]:
    """Give the identifiers of the demo's input: ``ZZCANARY``, which all invented ones hold, and those of real files.

    Names in the forms and component groups they stand in, record and accession numbers, and UIDs of instances, series,
    studies and frames of reference. Values so short or general that they turn up by chance are left out.
    """
    batches = [content for batch in demo_batches() for content in batch.files.values() if content[128:132] == b"DICM"]
    found = {text for content in (*real_files().values(), *batches) for text in _of_dataset(read_header(content))}
    return [CANARY, *sorted(text for text in found if CANARY not in text)]


def _of_dataset(dataset: Dataset) -> Iterator[str]:
    try:
        elements = list(dataset)
    except Exception:  # noqa: BLE001 -- a malformed file of the demo: what cannot be parsed cannot be listed
        return
    for element in elements:
        if element.VR == "SQ":
            for item in element.value:
                yield from _of_dataset(item)
        else:
            yield from (text for text in _texts(element) if _is_telling(text))


def _texts(element: DataElement) -> Iterator[str]:
    values = element.value if element.VM > 1 else [element.value]
    if element.VR == "PN":
        yield from (group.strip(" ^") for value in values for group in str(value).split("="))
    elif element.keyword in TEXTS or (element.VR == "UI" and _names_an_instance(element.keyword)):
        yield from (str(value).strip(" \0") for value in values)


def _names_an_instance(keyword: str) -> bool:
    return keyword.endswith(("InstanceUID", "FrameOfReferenceUID")) and not keyword.startswith("Context")


def _is_telling(text: str) -> bool:
    if not text.isascii():
        return len(text) >= SHORTEST_FOREIGN
    if "." in text and text.replace(".", "").isdigit():
        return len(text) >= SHORTEST_UID and not text.startswith(REGISTERED)
    is_number = text.replace("-", "").isdigit()
    return text not in GENERIC and len(text) >= (SHORTEST_NUMBER if is_number else SHORTEST_TEXT)
