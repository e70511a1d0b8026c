"""One row per interval of care."""

import pyarrow as pa

from expectations.schemas.days import interval
from expectations.schemas.table import Reference, Sensitivity, Table, column
from expectations.schemas.vocabulary import DEVICE, DISCHARGE, END_STATUS, EVENT_TYPE

SENSITIVE = Sensitivity.SENSITIVE

TABLE = Table(
    "clinical_event",
    "One row per hospital stay, ICU stay, breathing support, emergency visit or death; a subject may have several.",
    ("event_id",),
    pa.schema(
        [
            column("event_id", pa.string(), "Digest of the event's content"),
            column("subject_id", pa.string(), "Subject"),
            column("event_type", pa.string(), "Kind of interval", values=EVENT_TYPE, sensitivity=SENSITIVE),
            *interval(no_end="ongoing or unknown, see end_status"),
            column("end_status", pa.string(), "Whether the end is known", values=END_STATUS),
            column(
                "parent_event_id",
                pa.string(),
                "The hospital stay of an ICU stay; the innermost stay of a breathing support",
                null="unknown, or not inside a stay",
            ),
            column(
                "device",
                pa.string(),
                "Breathing support",
                values=DEVICE,
                null="not a breathing support",
                sensitivity=SENSITIVE,
                source="CLIF 2.1 device_category",
            ),
            column("device_raw", pa.string(), "The site's text, once scrubbed", null="not kept"),
            column(
                "discharge",
                pa.string(),
                "Where the patient went",
                values=DISCHARGE,
                null="not a hospital stay",
                sensitivity=SENSITIVE,
                source="CLIF 3.0 discharge_category",
            ),
            column(
                "who_scale_floor",
                pa.int8(),
                "Least score that device or death allow",
                null="says nothing of the scale",
                sensitivity=SENSITIVE,
                source="WHO Clinical Progression Scale, 2020",
                minimum=0,
                maximum=10,
            ),
            column("source_row", pa.string(), "Batch and keyed digests of source file and row"),
        ]
    ),
    (Reference("subject_id", "subject"), Reference("parent_event_id", "clinical_event")),
)
