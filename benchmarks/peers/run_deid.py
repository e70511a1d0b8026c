"""deid (pydicom) with its packaged recipe and without private elements."""

from pathlib import Path

from deid.config import DeidRecipe
from deid.dicom import replace_identifiers
from worker import Pairs, Work, one_by_one, serve


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the replacement under the recipe, read once."""
    recipe = DeidRecipe()

    def deidentify(source: Path, target: Path) -> None:
        (dataset,) = replace_identifiers(str(source), deid=recipe, remove_private=True, save=False)
        dataset.save_as(target)

    return one_by_one(deidentify, pairs)


if __name__ == "__main__":
    serve(prepare)
