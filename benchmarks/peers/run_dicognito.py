"""dicognito with its defaults, as its command line uses it, on data sets of pydicom."""

from pathlib import Path

import pydicom
from dicognito.anonymizer import Anonymizer
from worker import Pairs, Work, one_by_one, serve


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give one anonymizer for all files, as it asks for."""
    anonymizer = Anonymizer()

    def deidentify(source: Path, target: Path) -> None:
        dataset = pydicom.dcmread(source)
        anonymizer.anonymize(dataset)
        dataset.save_as(target, enforce_file_format=True)

    return one_by_one(deidentify, pairs)


if __name__ == "__main__":
    serve(prepare)
