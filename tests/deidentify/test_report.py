"""The conformance statement says what the tables in force say."""

import pytest

from config.deid.profile import document_of_profile, profile_of
from config.deid.rows import rows_of
from tasks.deidentify.report import conformance_statement
from tests.deidentify.objects import PROFILE

STATEMENT = conformance_statement(PROFILE)


def rows_with(text: str, statement: str = STATEMENT) -> list[str]:
    """The rows of the statement's tables that begin with this."""
    return [line for line in statement.splitlines() if line.startswith(f"| {text} |")]


def test_every_attribute_of_the_table_has_its_row() -> None:
    for row in rows_of("table_e1_1.csv"):
        assert len(rows_with(row["tag"])) == 1


@pytest.mark.parametrize(
    "row",
    [
        "| (0008,0018) | SOP Instance UID | U | U |  |",
        "| (0008,0020) | Study Date | Z | C | rtn_long_modif_dates |",
        "| (0008,1030) | Study Description | X | C | clean_desc |",
        "| (0002,0003) | Media Storage SOP Instance UID | U | new | File meta information is written anew |",
        "| (0400,0564) | Source of Previous Values | Z | X | The whole group goes |",
        "| (60xx,3000) | Overlay Data | X | C | clean_graph |",
        "| (60xx,4000) | Overlay Comments | X | X | The whole group goes |",
        "| 113111 | Retain Safe Private Option | on |",
        "| 113110 | Retain UIDs Option | off |",
        "| 113101 | Clean Pixel Data Option | off |",
        "| CT Image Storage | 1.2.840.10008.5.1.4.1.1.2 | passes: not_checked |",
        "| Encapsulated PDF Storage | 1.2.840.10008.5.1.4.1.1.104.1 | held: DE-DOCUMENT |",
        "| ELSCINT1 | 7 |",
    ],
)
def test_rows_say_what_is_done(row: str) -> None:
    assert row in STATEMENT.splitlines()


def test_editions_digest_and_the_scope_of_uids_are_named() -> None:
    assert PROFILE.digest in STATEMENT
    assert "edition 2026d, 657 rows" in STATEMENT
    assert "edition 2026d, 479 rows" in STATEMENT
    assert "the same for every object, study, batch and run" in STATEMENT
    assert "| (0018,1200) | Date of Last Calibration | X | X | Calibration" in STATEMENT


def test_the_statement_follows_the_options() -> None:
    changed = {"rtn_uids": True, "rtn_safe_priv": False, "clean_graph": False, "rtn_dev_id": True}
    statement = conformance_statement(profile_of(document_of_profile(**changed)))
    assert "UIDs are kept as they are." in statement
    assert "All private elements are removed." in statement
    assert "| (60xx,3000) | Overlay Data | X | X | The whole group goes |" in statement
    assert "| (0018,1200) | Date of Last Calibration | X | K | rtn_dev_id |" in statement
    full = conformance_statement(profile_of(document_of_profile(rtn_long_full_dates=True, rtn_long_modif_dates=False)))
    assert "Dates are kept as they are." in full
    none = conformance_statement(profile_of(document_of_profile(rtn_long_modif_dates=False)))
    assert "Dates are removed, emptied or replaced." in none


def test_the_same_profile_gives_the_same_text() -> None:
    assert conformance_statement(PROFILE) == STATEMENT
    assert STATEMENT.endswith("\n")
    assert "\n\n\n" not in STATEMENT
