"""One row per instance: the file manifest."""

import pyarrow as pa

from expectations.schemas.pipeline import DEID_PIXEL
from expectations.schemas.table import LIST_OF_STRINGS, Reference, Stage, Table, column
from expectations.schemas.vocabulary import ACCESS_LEVEL

RELEASE = Stage.RELEASE

TABLE = Table(
    "imaging_instance",
    "One row per de-identified instance and release: where the object is and what proves its content.",
    ("sop_uid", "release_version"),
    pa.schema(
        [
            column("guid", pa.string(), "Prefix and UUID of (sop_uid, sha256)", stage=RELEASE),
            column("sop_uid", pa.string(), "New SOP Instance UID", source="(0008,0018)"),
            column("series_uid", pa.string(), "Series"),
            column("study_uid", pa.string(), "Study"),
            column("subject_id", pa.string(), "Subject"),
            column("key", pa.string(), "Object key below the release root", stage=RELEASE),
            column("urls", LIST_OF_STRINGS, "Full addresses of the object", stage=RELEASE),
            column("size", pa.int64(), "Size of the object", unit="By", minimum=1),
            column("sha256", pa.string(), "SHA-256 of the object"),
            column("md5", pa.string(), "MD5 of the object", source="Gen3 indexd"),
            column(
                "crc64nvme",
                pa.string(),
                "Base64 CRC-64/NVME of the whole object",
                null="accepted before it was computed",
                source="Amazon S3",
            ),
            column(
                "pixel_sha256",
                pa.string(),
                "SHA-256 of the pixels as stored, without header or padding: native ones in little-endian order; of "
                "compressed ones the fragments, joined, without offset table, and without the byte after an end marker "
                "that makes a fragment even (one that cannot be told from the stream counts)",
                null="no pixels, or all alike",
                source="(7FE0,0010), (7FE0,0008), (7FE0,0009)",
            ),
            column("media_type", pa.string(), "Media type", values=("application/dicom",), source="RFC 3240"),
            column("instance_number", pa.int32(), "Instance Number", null="absent or invalid", source="(0020,0013)"),
            column("rows", pa.int32(), "Rows", unit="{pixel}", null="no pixels", source="(0028,0010)"),
            column("columns", pa.int32(), "Columns", unit="{pixel}", null="no pixels", source="(0028,0011)"),
            column("frames", pa.int32(), "Number of frames", unit="{frame}", source="(0028,0008)", minimum=1),
            column("bits_stored", pa.int16(), "Bits Stored", unit="bit", null="no pixels", source="(0028,0101)"),
            column("transfer_syntax_uid", pa.string(), "Transfer syntax", source="(0002,0010)"),
            column(
                "burned_in_annotation",
                pa.string(),
                "Burned In Annotation as released",
                null="absent",
                values=("YES", "NO"),
                source="(0028,0301)",
            ),
            column("deid_pixel", pa.string(), "What was done about text in the pixels", values=DEID_PIXEL),
            column("deid_method_codes", LIST_OF_STRINGS, "Codes written to (0012,0064)", source="PS3.16 CID 7050"),
            column("access_level", pa.string(), "Who may read it", values=ACCESS_LEVEL, stage=RELEASE),
            column("authz", LIST_OF_STRINGS, "Gen3 authorization resources", stage=RELEASE, source="Gen3 indexd"),
            column("license", pa.string(), "SPDX licence id", stage=RELEASE, source="SPDX"),
            column("release_added", pa.string(), "Release that brought this content", stage=RELEASE),
            column("release_version", pa.string(), "The release of this row", stage=RELEASE),
        ]
    ),
    (
        Reference("series_uid", "imaging_series"),
        Reference("study_uid", "imaging_study"),
        Reference("subject_id", "subject"),
    ),
)
