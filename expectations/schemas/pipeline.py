"""The pipeline's own tables: where every input ended, and what is known of every de-identified instance."""

import pyarrow as pa

from expectations.schemas.table import LIST_OF_NUMBERS, LIST_OF_STRINGS, Table, column
from expectations.schemas.vocabulary import PARTITION, WITHDRAWAL_REASON, WITHDRAWN_ENTITY

STATUSES = ("released-candidate", "held", "rejected", "duplicate", "not-imaging")
ID_KINDS = ("patient", "study", "series", "instance", "other")
DEID_PIXEL = ("not_needed", "not_checked", "checked_clean", "redacted")

SOURCES = Table(
    "sources",
    "One row per raw object and archive member: the name it came under. Private: a name can identify a person.",
    ("source_id",),
    pa.schema(
        [
            column("source_id", pa.string(), "Keyed digest of the source name"),
            column("source", pa.string(), "Raw key, or <key>!<member> inside an archive"),
        ]
    ),
)

CLINICAL_SOURCES = Table(
    "clinical_sources",
    "One row per clinical table that a run met, in the order of its reports. Private: names are the site's.",
    ("source_file",),
    pa.schema(
        [
            column("source_file", pa.string(), "Keyed digest of the name, as lineage has it"),
            column("key", pa.string(), "Raw key"),
            column("table_place", pa.int32(), "Place in the tables of the site file, the first is 0", null="not read"),
            column("headers", LIST_OF_STRINGS, "Headers of the columns that the site file declares", null="not read"),
        ]
    ),
)

CROSSWALK = Table(
    "crosswalk",
    "One row per source identifier that was replaced. Private: it leads from the released data back to the person.",
    ("kind", "id_old"),
    pa.schema(
        [
            column("kind", pa.string(), "What the identifier names", values=ID_KINDS),
            column("id_old", pa.string(), "Identifier in the source, without padding"),
            column("id_new", pa.string(), "Identifier that replaces it everywhere"),
        ]
    ),
)

NEEDLES = Table(
    "needles",
    "One row per subject and set of needles: the objects that were searched for it. Private, and sealed.",
    ("subject_id", "sources"),
    pa.schema(
        [
            column("subject_id", pa.string(), "Pseudonym of the patient"),
            column("sources", LIST_OF_STRINGS, "Source ids of the objects that the needles came from"),
            column("sealed", pa.binary(), "The needles, sealed under the key ring (AES-SIV, RFC 5297)"),
        ]
    ),
)

LATE = Table(
    "late",
    "One row per accepted object in which another batch's knowledge of its subject was found: it must not be released.",
    ("source_id",),
    pa.schema(
        [
            column("source_id", pa.string(), "Keyed digest of the source name"),
            column("site", pa.string(), "Site of the object's batch"),
            column("batch", pa.string(), "The object's batch"),
            column("sop_uid", pa.string(), "New SOP Instance UID"),
            column("sha256", pa.string(), "Digest of the de-identified object"),
            column("rule_id", pa.string(), "The rule that holds it", source="config/ledger_rules.csv"),
            column("kinds", LIST_OF_STRINGS, "Kinds of what was found"),
        ]
    ),
)

PLAN = Table(
    "plan",
    "One row per raw object that a shard, or harmonize, reads. Private: a key can identify a person.",
    ("key",),
    pa.schema(
        [
            column("key", pa.string(), "Raw key"),
            column("size_bytes", pa.int64(), "Size as listed", unit="By"),
            column("etag", pa.string(), "Version token as listed; no digest"),
            column("sha256", pa.string(), "SHA-256 that the batch declares", null="none is declared"),
            column("md5", pa.string(), "MD5 that the batch declares", null="none is declared"),
        ]
    ),
)

LEDGER = Table(
    "ledger",
    "One row per raw object and archive member: where it ended and why.",
    ("source_id",),
    pa.schema(
        [
            column("source_id", pa.string(), "Keyed digest of the source name"),
            column("status", pa.string(), "Where the object ended", values=STATUSES),
            column("rule_id", pa.string(), "The rule that decided it", source="config/ledger_rules.csv"),
            column("source_bytes", pa.int64(), "Size of the raw object or member", unit="By"),
            column(
                "engine",
                pa.string(),
                "What de-identified it",
                null="it was not de-identified",
                values=("bytes", "pydicom"),
            ),
            column("subject_id", pa.string(), "Pseudonym of the patient", null="unknown or not an instance"),
            column("study_uid", pa.string(), "New Study Instance UID", null="not an instance"),
            column("sop_uid", pa.string(), "New SOP Instance UID", null="not an instance"),
            column("sha256", pa.string(), "Digest of the de-identified object", null="none was written"),
        ]
    ),
)

FINDINGS = Table(
    "findings",
    "One row per rule and place: how often it fired; never a value.",
    ("stage", "rule_id", "place"),
    pa.schema(
        [
            column("stage", pa.string(), "The stage that found it"),
            column("rule_id", pa.string(), "The rule that fired", source="config/ledger_rules.csv, config/rules.csv"),
            column("place", pa.string(), "Our own key, a table and column, or a tag path"),
            column("count", pa.int64(), "How often", unit="{count}"),
        ]
    ),
)

MARGINALS = Table(
    "marginals",
    "One row per value of a column that is counted over a batch as a whole: how often it comes.",
    ("table", "column", "value"),
    pa.schema(
        [
            column("table", pa.string(), "Canonical table"),
            column("column", pa.string(), "Column", source="config/marginals.csv"),
            column("value", pa.string(), "Coded value, or the least of a class of numbers", null="missing"),
            column("count", pa.int64(), "Rows with this value", unit="{count}"),
        ]
    ),
)

HOLDS = Table(
    "holds",
    "One row per canonical row that harmonize could not decide: validate sets it aside with all that hangs on it.",
    ("table", "key", "rule_id"),
    pa.schema(
        [
            column("table", pa.string(), "Canonical table"),
            column("key", pa.string(), "Key of the row in that table"),
            column("rule_id", pa.string(), "The rule that asks for it", source="config/rules.csv"),
        ]
    ),
)

ANCHORS = Table(
    "anchors",
    "One row per subject: the shifted date that its days are counted from.",
    ("subject_id",),
    pa.schema(
        [
            column("subject_id", pa.string(), "Subject"),
            column("index_event", pa.string(), "The event that day 0 is the day of", null="none is known"),
            column("index_date_shifted", pa.date32(), "Shifted date of day 0", null="none is known"),
        ]
    ),
)

ACTIONS = Table(
    "actions",
    "One row per attribute and action: how often it was taken over the instances of a batch.",
    ("place", "action"),
    pa.schema(
        [
            column("place", pa.string(), "Tag path, such as (0040,0275)>(0040,1001)"),
            column("action", pa.string(), "What was done", source="PS3.15 Table E.1-1a"),
            column("count", pa.int64(), "How often", unit="{count}"),
        ]
    ),
)

INSTANCES = Table(
    "instances",
    "One row per de-identified instance: facts of its finished header, from which the imaging tables are made.",
    ("source_id",),
    pa.schema(
        [
            column("source_id", pa.string(), "Keyed digest of the source name"),
            column("subject_id", pa.string(), "Pseudonym of the patient"),
            column("study_uid", pa.string(), "New Study Instance UID", source="(0020,000D)"),
            column("series_uid", pa.string(), "New Series Instance UID", source="(0020,000E)"),
            column("sop_uid", pa.string(), "New SOP Instance UID", source="(0008,0018)"),
            column("sop_class_uid", pa.string(), "SOP class", source="(0008,0016)"),
            column(
                "transfer_syntax_uid", pa.string(), "Transfer syntax of the object as written", source="(0002,0010)"
            ),
            column("sha256", pa.string(), "Digest of the object"),
            column("md5", pa.string(), "MD5 of the object, which Gen3 asks for"),
            column("crc64nvme", pa.string(), "Base64 CRC-64/NVME of the object, as Amazon S3 states it"),
            column(
                "pixel_sha256",
                pa.string(),
                "Digest of the pixels as stored, without header: the column of imaging_instance says how",
                null="no pixels, or all alike",
            ),
            column("size_bytes", pa.int64(), "Size of the object", unit="By"),
            column("modality", pa.string(), "Modality", source="(0008,0060)"),
            column(
                "study_date_shifted", pa.date32(), "Shifted Study Date", source="(0008,0020)", null="absent or invalid"
            ),
            column(
                "patient_sex", pa.string(), "Patient's Sex", source="(0010,0040)", null="absent", values=("M", "F", "O")
            ),
            column(
                "patient_age_years",
                pa.int16(),
                "Patient's Age in completed years, at most 89",
                unit="a",
                source="(0010,1010)",
                null="absent, invalid, or over 89",
            ),
            column(
                "patient_age_gt89", pa.bool_(), "Patient's Age is over 89", source="(0010,1010)", null="age unknown"
            ),
            column("body_part_raw", pa.string(), "Body Part Examined", source="(0018,0015)", null="absent"),
            column(
                "laterality",
                pa.string(),
                "Laterality or Image Laterality",
                source="(0020,0060), (0020,0062)",
                null="absent",
            ),
            column("view_position", pa.string(), "View Position", source="(0018,5101)", null="absent"),
            column(
                "study_description",
                pa.string(),
                "Study Description as released",
                source="(0008,1030)",
                null="removed or absent",
            ),
            column(
                "series_description",
                pa.string(),
                "Series Description as released",
                source="(0008,103E)",
                null="removed or absent",
            ),
            column("manufacturer_raw", pa.string(), "Manufacturer", source="(0008,0070)", null="absent"),
            column("manufacturer_model", pa.string(), "Manufacturer's Model Name", source="(0008,1090)", null="absent"),
            column("instance_number", pa.int32(), "Instance Number", source="(0020,0013)", null="absent or invalid"),
            column("rows", pa.int32(), "Rows", source="(0028,0010)", unit="{pixel}", null="no pixels"),
            column("columns", pa.int32(), "Columns", source="(0028,0011)", unit="{pixel}", null="no pixels"),
            column("frames", pa.int32(), "Number of Frames, 1 when absent", source="(0028,0008)", unit="{frame}"),
            column("bits_stored", pa.int16(), "Bits Stored", source="(0028,0101)", unit="bit", null="no pixels"),
            column("photometric", pa.string(), "Photometric Interpretation", source="(0028,0004)", null="no pixels"),
            column(
                "pixel_spacing_mm",
                LIST_OF_NUMBERS,
                "Row and column spacing",
                unit="mm",
                null="absent",
                source="(0028,0030), else (0018,1164)",
            ),
            column(
                "spacing_source",
                pa.string(),
                "Attribute the spacing is from",
                null="absent",
                values=("PixelSpacing", "ImagerPixelSpacing"),
            ),
            column(
                "slice_thickness_mm", pa.float64(), "Slice Thickness", unit="mm", source="(0018,0050)", null="absent"
            ),
            column(
                "image_position_mm",
                LIST_OF_NUMBERS,
                "Image Position (Patient): x, y, z",
                unit="mm",
                source="(0020,0032)",
                null="absent",
            ),
            column(
                "image_orientation",
                LIST_OF_NUMBERS,
                "Image Orientation (Patient): row x, y, z, column x, y, z",
                source="(0020,0037)",
                null="absent",
            ),
            column(
                "frame_depths_mm",
                LIST_OF_NUMBERS,
                "Place of each frame along the normal of the one orientation that all frames have",
                unit="mm",
                source="PS3.3 C.7.6.16.2.3, C.7.6.16.2.4",
                null="one frame, or not every frame has its place and the same orientation",
            ),
            column(
                "is_localizer", pa.bool_(), "Image Type names a localizer", source="(0008,0008)", null="no image type"
            ),
            column(
                "procedure_codes",
                LIST_OF_STRINGS,
                "Codes of the procedure as '<scheme> <value>', CPT, LOINC and RadLex only, sorted",
                source="(0008,1032), (0032,1064)",
                null="absent, or of other schemes",
            ),
            column("convolution_kernel", LIST_OF_STRINGS, "Convolution Kernel", source="(0018,1210)", null="absent"),
            column(
                "contrast_agent", pa.string(), "Contrast/Bolus Agent", source="(0018,0010)", null="removed or absent"
            ),
            column("lossy", pa.bool_(), "Lossy Image Compression is 01", source="(0028,2110)"),
            column(
                "burned_in_annotation",
                pa.string(),
                "Burned In Annotation as released",
                source="(0028,0301)",
                null="absent",
                values=("YES", "NO"),
            ),
            column("deid_pixel", pa.string(), "What was done about text in the pixels", values=DEID_PIXEL),
            column(
                "deid_method_codes", LIST_OF_STRINGS, "CID 7050 codes written to (0012,0064)", source="PS3.16 CID 7050"
            ),
        ]
    ),
)

PARTITIONS = Table(
    "partitions",
    "One row per subject that ever was in a release: its part of it, for good. Private: it names who is sequestered.",
    ("subject_id",),
    pa.schema(
        [
            column("subject_id", pa.string(), "Pseudonym of the patient"),
            column("partition", pa.string(), "Its part of every release", values=PARTITION),
            column("release_version", pa.string(), "The release that it was assigned for"),
        ]
    ),
)

WITHDRAWN = Table(
    "withdrawn",
    "One row per subject, study or series that was withdrawn and stays out of every release. Private.",
    ("entity", "entity_id"),
    pa.schema(
        [
            column("entity", pa.string(), "Kind of thing", values=WITHDRAWN_ENTITY),
            column("entity_id", pa.string(), "Its pseudonym or new UID"),
            column("reason", pa.string(), "Why", values=WITHDRAWAL_REASON),
        ]
    ),
)

DISCLOSURE = Table(
    "disclosure",
    "One row per subject of a release: what was withheld or coarsened, and why. Private: it tells who is rare.",
    ("subject_id",),
    pa.schema(
        [
            column("subject_id", pa.string(), "Subject"),
            column("levers", LIST_OF_STRINGS, "What was coarsened, in the order of the policy"),
            column("rules", LIST_OF_STRINGS, "The rules that asked for it", source="config/rules.csv"),
            column("class_before", pa.int64(), "Size of its class before; 0 if it was not counted", unit="{subject}"),
            column("class_after", pa.int64(), "Size of its class in the release; 0 if it is held", unit="{subject}"),
            column("held", pa.bool_(), "It is not in the release"),
        ]
    ),
)
