"""dicom-dre with its default profile, through its function from file to file."""

from pathlib import Path

from dicom_dre import DeidParameters, Outcome, ProfileSettings, build_profile, deidentify_file
from worker import Pairs, Work, one_by_one, serve


class RefusedError(Exception):
    """A file that it filtered or quarantined."""


def prepare(_out: Path, pairs: Pairs) -> Work:
    """Give the function under the profile, built once."""
    profile = build_profile("default", ProfileSettings(hash_salt="benchmark"))
    parameters = DeidParameters.from_mapping({"JITTER": "-35"})

    def deidentify(source: Path, target: Path) -> None:
        result = deidentify_file(source, target, profile=profile, parameters=parameters, rename_to_sop_uid=False)
        if result.outcome is not Outcome.DEIDENTIFIED:
            raise RefusedError(result.outcome)

    return one_by_one(deidentify, pairs)


if __name__ == "__main__":
    serve(prepare)
