"""The suite of a release: what must hold before anything of it is published."""

from great_expectations import ExpectationSuite

from config.rules import Severity
from expectations.schemas.catalog import BATCH, CANONICAL
from expectations.suites.checks import Check
from expectations.suites.facts import suite_of_facts

NAME = "release"
DESCRIPTION = "What must hold before anything of a release is published."
RELEASED = tuple(name for name in BATCH if name != "lineage")
COUNTS = (
    Check("batches", "I-COUNT", "The instances of each batch are the candidates of its ledger", "ledger"),
    Check(
        "batches", "I-COUNT", "Counts and sizes of series are those of their instances in each batch", "imaging_series"
    ),
    Check("batches", "I-COUNT", "Counts of studies are those of their series in each batch", "imaging_study"),
)
MERGED = (
    Check("anchors", "C-INDEX", "Each batch states the date that the days of a subject of several batches count from"),
    Check("imaging_study", "I-UID-TREE", "All batches say of a study that it is the same subject's"),
)
CONTENT = (
    Check(
        "imaging_series",
        "I-UID-TREE",
        "Study and subject of a series are the same in all batches, and those of its study",
    ),
    Check(
        "imaging_instance",
        "I-UID-TREE",
        "Series, study and subject of an instance are the same in all batches, and those of its series",
    ),
    Check("subject", "D-ZIP", "zip3 is no area of 20 000 people or fewer", "zip3"),
    Check(
        "imaging_instance",
        "DE-POLICY",
        "Pixels that were not checked are released only if the policy accepts them",
        "deid_pixel",
        severity=Severity.GATE,
    ),
    Check("subject", "I-COHORT", "Every subject has a study"),
    Check("imaging_study", "I-COHORT", "Every study has a series"),
    Check("imaging_series", "I-COHORT", "Every series has an instance"),
)
HISTORY = (
    Check("change_log", "R-DIFF", "What came, changed and went is the difference to the release before"),
    Check("change_log", "R-DIFF", "Whatever was withdrawn has a reason", "reason"),
    Check("release", "R-REPRODUCE", "The release that stands under this version, if made of the same, is this one"),
    Check("release", "R-IMMUTABLE", "No other release stands under this version"),
    Check("imaging_instance", "R-IMMUTABLE", "No object stands under a key of this release with another size", "key"),
)


def checks() -> tuple[Check, ...]:
    """Give every check of the suite."""
    keys = (check for name in (*RELEASED, "change_log") for check in _of_keys(name))
    return (*COUNTS, *MERGED, *keys, *CONTENT, *HISTORY)


def _of_keys(name: str) -> list[Check]:
    table = CANONICAL[name]
    unique = Check(name, "S-KEY-UNIQUE", f"Each key of {name} is there once, and all batches say the same of it")
    return [
        unique,
        *(
            Check(name, "S-KEY-UNIQUE", f"Each {one.column} of {name} is the key of a row of {one.table}", one.column)
            for one in table.references
        ),
    ]


def suite() -> ExpectationSuite:
    """Give the suite."""
    return suite_of_facts(NAME, DESCRIPTION, checks())
