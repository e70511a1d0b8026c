"""dicom-anonymizer (Kitware) with its defaults, through the function that its command line calls."""

from pathlib import Path

from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file
from worker import Pairs, Work, one_by_one, serve


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give its function from file to file."""
    return one_by_one(lambda source, target: anonymize_dicom_file(str(source), str(target)), pairs)


if __name__ == "__main__":
    serve(prepare)
