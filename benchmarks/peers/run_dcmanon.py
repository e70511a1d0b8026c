"""dcmanon (Rust) with its defaults, through its Python binding."""

from pathlib import Path

from dcmanon import Anonymizer
from worker import Pairs, Work, one_by_one, serve


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give its function from file to bytes."""
    anonymizer = Anonymizer()
    return one_by_one(lambda source, target: target.write_bytes(anonymizer.anonymize(str(source))), pairs)


if __name__ == "__main__":
    serve(prepare)
