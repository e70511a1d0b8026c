"""The suite of the clinical_event table."""

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from expectations.schemas.catalog import BATCH
from expectations.suites.derive import assemble, from_schema
from expectations.suites.rule import bound, keeps


def suite() -> ExpectationSuite:
    """Give the suite."""
    table = BATCH["clinical_event"]
    return assemble(
        table,
        [
            *from_schema(table, empty="S-NO-CLINICAL"),
            bound(
                gxe.ExpectColumnPairValuesAToBeGreaterThanB,
                "C-STAY-ORDER",
                "An interval does not end before it starts",
                column_A="end_day",
                column_B="start_day",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
            ),
            keeps("C-ICU-IN-HOSP", "An ICU stay lies inside a hospital stay of the same subject, give or take a day"),
            keeps(
                "C-VENT-IN-STAY",
                "Invasive ventilation and ECMO lie inside a hospital stay and an ICU stay of the same subject",
            ),
            keeps("C-LOS", "A hospital or ICU stay is at most 365 days long"),
            keeps("C-OVERLAP", "Hospital stays of one subject do not overlap, nor do its ICU stays"),
            keeps(
                "C-DEATH",
                "Nothing starts after death, a discharge as expired has a death on its day, and nobody dies twice",
            ),
        ],
    )
