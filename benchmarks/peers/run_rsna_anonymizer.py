"""RSNA DICOM Anonymizer without its window: its controller with its default script and its SQLite model."""

import shutil
from pathlib import Path

import anonymizer
from anonymizer.controller.anonymizer import AnonymizerController
from anonymizer.model.project import ProjectModel
from worker import Pairs, Work, one_by_one, serve

SCRIPT = Path(anonymizer.__file__).parent / "assets/scripts/default-anonymizer.script"


class RefusedError(Exception):
    """A file that it did not store."""


def prepare(out: Path, pairs: Pairs) -> Work:
    """Give the controller of a new project, since a project takes every instance once.

    Its private folder, with the look-up table of identities, is kept outside of `out`, where only images may be.
    """
    storage = out.parent / f"{out.name}-project"
    shutil.rmtree(storage, ignore_errors=True)
    storage.mkdir()
    project = ProjectModel(site_id="1", project_name="benchmark", storage_dir=storage, anonymizer_script_path=SCRIPT)
    project.private_dir().mkdir()
    project.images_dir().symlink_to(out)
    controller = AnonymizerController(project)

    def deidentify(source: Path, _target: Path) -> None:
        """Store a file under the project's own name for it, which is inside of `out`."""
        problem, _dataset = controller.anonymize_file(source)
        if problem:
            raise RefusedError(problem)

    def work() -> int:
        try:
            return one_by_one(deidentify, pairs)()
        finally:
            controller.stop()  # its thread would keep the process alive

    return work


if __name__ == "__main__":
    serve(prepare)
