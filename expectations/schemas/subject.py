"""One row per person."""

import pyarrow as pa

from expectations.schemas.table import LIST_OF_STRINGS, Sensitivity, Stage, Table, column
from expectations.schemas.vocabulary import (
    COVID19_BASIS,
    COVID19_STATUS,
    FLAG_BASIS,
    INDEX_EVENT,
    PARTITION,
    RACE_ETHNICITY,
    SEX,
    TRI_STATE,
)

QUASI = Sensitivity.QUASI_IDENTIFIER
SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "subject",
    "One row per person: demographics at the index event, and what the other tables say of the course of disease.",
    ("subject_id",),
    pa.schema(
        [
            column("subject_id", pa.string(), "Pseudonym, stable across releases"),
            column("site_id", pa.string(), "Code of the contributing site", sensitivity=QUASI),
            column("partition", pa.string(), "Open or sequestered, for good", values=PARTITION, stage=Stage.RELEASE),
            column(
                "index_event",
                pa.string(),
                "The event that day 0 is the day of",
                values=INDEX_EVENT,
                null="no index event is known; then no day is known either",
                source="MIDRC case.index_event",
            ),
            column(
                "age_at_index",
                pa.int16(),
                "Completed years at the index event",
                unit="a",
                null="unknown, withheld, or over 89",
                sensitivity=QUASI,
                source="45 CFR 164.514(b)(2)(i)(C)",
                minimum=0,
                maximum=89,
            ),
            column(
                "age_at_index_gt89",
                pa.bool_(),
                "The age at the index event is over 89",
                null="age unknown or withheld",
                sensitivity=QUASI,
                source="45 CFR 164.514(b)(2)(i)(C)",
            ),
            column(
                "age_band",
                pa.string(),
                "Band of the age at the index event, such as 18-29; >89 for ages over 89",
                null="age unknown or withheld",
                sensitivity=QUASI,
                stage=Stage.RELEASE,
            ),
            column("sex", pa.string(), "Sex", values=SEX, sensitivity=QUASI),
            column(
                "race_ethnicity",
                LIST_OF_STRINGS,
                "Categories, sorted and unique; Not Reported stands alone",
                values=RACE_ETHNICITY,
                sensitivity=QUASI,
                source="OMB Statistical Policy Directive 15, 2024",
            ),
            column("race", pa.string(), "Single value for export, made from race_ethnicity", sensitivity=QUASI),
            column("ethnicity", pa.string(), "Single value for export, made from race_ethnicity", sensitivity=QUASI),
            column("race_scheme", pa.string(), "Scheme of race_ethnicity: OMB-SPD15, OMB-1997 or the site's own"),
            column(
                "country",
                pa.string(),
                "Country of the site or of residence",
                null="unknown",
                sensitivity=QUASI,
                source="ISO 3166-1 alpha-2",
            ),
            column(
                "zip3",
                pa.string(),
                "First three digits of a US postal code; 000 where the area is small or unknown",
                null="not a US site, or unknown",
                sensitivity=QUASI,
                source="45 CFR 164.514(b)(2)(i)(B)",
            ),
            column(
                "covid19_status",
                pa.string(),
                "COVID-19, from test_result and condition; Negative needs a negative naat or antigen test",
                values=COVID19_STATUS,
                sensitivity=SENSITIVE,
            ),
            column(
                "covid19_status_basis",
                LIST_OF_STRINGS,
                "What covid19_status was decided from",
                values=COVID19_BASIS,
                null="covid19_status is Not Reported",
            ),
            column(
                "ever_icu",
                pa.string(),
                "Was in intensive care, from clinical_event",
                values=TRI_STATE,
                sensitivity=SENSITIVE,
            ),
            column(
                "ever_icu_basis",
                LIST_OF_STRINGS,
                "What ever_icu was decided from",
                values=FLAG_BASIS,
                null="ever_icu is Not Reported",
            ),
            column(
                "ever_ventilated",
                pa.string(),
                "Had invasive ventilation or ECMO, from clinical_event",
                values=TRI_STATE,
                sensitivity=SENSITIVE,
            ),
            column(
                "ever_ventilated_basis",
                LIST_OF_STRINGS,
                "What ever_ventilated was decided from",
                values=FLAG_BASIS,
                null="ever_ventilated is Not Reported",
            ),
            column("first_release", pa.string(), "First release with this subject", stage=Stage.RELEASE),
            column("last_changed_release", pa.string(), "Last release that changed this row", stage=Stage.RELEASE),
        ]
    ),
)
