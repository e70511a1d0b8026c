"""The codes of diagnoses that say that somebody has, or had, COVID-19."""

LONG_COVID_DIAGNOSES = (
    "U09.9",  # ICD-10: post COVID-19 condition
    "1119303003",  # SNOMED CT: post-acute COVID-19
)
COVID19_DIAGNOSES = (
    "U07.1",  # ICD-10: COVID-19, virus identified
    "840539006",  # SNOMED CT: disease caused by SARS-CoV-2
    *LONG_COVID_DIAGNOSES,
)
