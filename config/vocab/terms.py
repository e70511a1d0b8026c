"""The closed sets of values of the canonical tables, each in the order in which it is shown; site files share them."""

SEX = ("Female", "Male", "Other", "Not Reported")
NOT_REPORTED = "Not Reported"
RACE_ETHNICITY = (  # OMB Statistical Policy Directive 15 (2024), and Other and Not Reported
    "American Indian or Alaska Native",
    "Asian",
    "Black or African American",
    "Hispanic or Latino",
    "Middle Eastern or North African",
    "Native Hawaiian or Pacific Islander",
    "White",
    "Other",
    "Not Reported",
)
COVID19_STATUS = ("Positive", "Negative", "Indeterminate", "Not Reported")
FLAG_BASIS = ("event", "site_sends_all")  # an event tells of it; none does, and the site sends every such event
COVID19_BASIS = ("test", "diagnosis", "site_assertion")
TEST_RESULT = ("Positive", "Negative", "Indeterminate", "Not Reported")
TRI_STATE = ("Yes", "No", "Not Reported")
INDEX_EVENT = ("COVID-19 Test", "Long COVID Diagnosis", "Study Enrollment", "First Imaging Study")
EVENT_TYPE = ("hospital_stay", "icu_stay", "breathing_support", "emergency_visit", "death")
END_STATUS = ("known", "ongoing", "unknown")
DEVICE = (  # from the least to the most support; the last two are outside the order
    "room_air",
    "nasal_cannula",
    "face_mask",
    "hfnc",
    "cpap",
    "nippv",
    "imv",
    "ecmo",
    "other",
    "not_reported",
)
VENTILATION = ("imv", "ecmo")
DISCHARGE = (
    "home",
    "snf",
    "expired",
    "acute_ip_rehab",
    "hospice",
    "ltach",
    "acute_care_hosp",
    "group_home",
    "ama",
    "still_admitted",
    "other",
    "not_reported",
)
TEST_CLASS = ("naat", "antigen", "antibody", "imaging_diagnosis", "clinical_diagnosis", "not_reported")
CODE_SYSTEM = ("ICD-10-CM", "ICD-10", "SNOMED CT")
MODALITY = ("CR", "CT", "DX", "MG", "MR", "PT", "RTDOSE", "RTPLAN", "RTSTRUCT", "SEG")
LATERALITY = ("L", "R", "B", "U")
LOINC_CONTRAST = ("W", "WO", "WO & W")
LOINC_BASIS = ("exact_table", "rule", "unmapped")
PARTITION = ("open", "sequestered")
ACCESS_LEVEL = ("open", "controlled", "sequestered")
RELEASE_STATUS = ("building", "published", "withdrawn")
ENTITY = ("subject", "study", "series", "instance")
CHANGE = ("added", "changed", "withdrawn")
ETHNICITY = ("Hispanic or Latino", "Not Hispanic or Latino", "Not Reported")
TEST_NAME = ("COVID-19",)
MEASUREMENT = (  # the names of vocab/measurements.csv, in its order
    "height",
    "weight",
    "bmi",
    "temperature",
    "spo2",
    "respiratory_rate",
    "heart_rate",
    "systolic_pressure",
    "diastolic_pressure",
    "mean_pressure",
    "pao2",
    "paco2",
    "fio2",
    "pao2_fio2",
    "arterial_ph",
    "oxygen_flow",
    "glasgow_coma_scale",
    "crp",
    "procalcitonin",
    "d_dimer_feu",
    "ferritin",
    "creatinine",
    "urea_nitrogen",
    "ldh",
    "alt",
    "ast",
    "bilirubin",
    "albumin",
    "glucose",
    "lactate",
    "sodium",
    "potassium",
    "hemoglobin",
    "platelets",
    "leukocytes",
    "neutrophils",
    "lymphocytes",
    "interleukin_6",
    "inr",
)
DRUG_SYSTEM = ("ATC", "RxNorm")
ROUTE = ("oral", "intravenous", "subcutaneous", "intramuscular", "inhaled", "topical", "other")
DOSE_UNIT = (
    "g",
    "mg",
    "ug",
    "[iU]",
    "mL",
    "mg/kg",
    "ug/kg",
    "[iU]/kg",
    "mg/d",
    "g/d",
    "mg/h",
    "mL/h",
    "ug/kg/min",
    "mg/kg/d",
)
