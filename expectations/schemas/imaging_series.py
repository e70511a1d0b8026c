"""One row per imaging series."""

import pyarrow as pa

from expectations.schemas.table import LIST_OF_NUMBERS, LIST_OF_STRINGS, Reference, Stage, Table, column
from expectations.schemas.vocabulary import LATERALITY, MODALITY

MIXED = "absent, or not the same on every instance"

TABLE = Table(
    "imaging_series",
    "One row per series: what its instances agree on; where they do not, null and a finding.",
    ("series_uid",),
    pa.schema(
        [
            column("series_uid", pa.string(), "New Series Instance UID", source="(0020,000E)"),
            column("study_uid", pa.string(), "Study"),
            column("subject_id", pa.string(), "Subject"),
            column("modality", pa.string(), "Modality", values=MODALITY, source="(0008,0060)"),
            column("body_part_raw", pa.string(), "Body Part Examined", null=MIXED, source="(0018,0015)"),
            column(
                "body_part",
                pa.string(),
                "Body part as a defined term",
                null="absent, mixed, or no defined term",
                source="PS3.16 CID 4031, PS3.16 Annex L",
            ),
            column(
                "laterality",
                pa.string(),
                "Laterality",
                values=LATERALITY,
                null=MIXED,
                source="(0020,0060), (0020,0062)",
            ),
            column(
                "view_position",
                pa.string(),
                "View Position as a defined term",
                null="absent, mixed, or no defined term",
                source="(0018,5101), PS3.3 C.8.11.5.1.1",
            ),
            column(
                "series_description", pa.string(), "Series Description as released", null=MIXED, source="(0008,103E)"
            ),
            column("manufacturer_raw", pa.string(), "Manufacturer", null=MIXED, source="(0008,0070)"),
            column("manufacturer", pa.string(), "Vendor under one spelling", null="absent, mixed, or not known"),
            column("manufacturer_model", pa.string(), "Manufacturer's Model Name", null=MIXED, source="(0008,1090)"),
            column(
                "sop_class_uid", pa.string(), "SOP class; the first in order, where they differ", source="(0008,0016)"
            ),
            column("transfer_syntaxes", LIST_OF_STRINGS, "Transfer syntaxes, sorted", source="(0002,0010)"),
            column("contrast_agent", pa.string(), "Contrast/Bolus Agent", null=MIXED, source="(0018,0010)"),
            column("slice_thickness_mm", pa.float64(), "Slice Thickness", unit="mm", null=MIXED, source="(0018,0050)"),
            column(
                "slice_spacing_mm",
                pa.float64(),
                "Median distance of neighbouring slices, measured from their positions; localizers aside",
                unit="mm",
                null="fewer than two positions, or more than one orientation",
                source="(0020,0032), (0020,0037)",
            ),
            column(
                "n_positions",
                pa.int32(),
                "Number of different positions of its slices",
                unit="{position}",
                null="no slice has a position, or more than one orientation",
                source="(0020,0032), (0020,0037)",
                minimum=1,
            ),
            column(
                "n_missing_slices",
                pa.int32(),
                "Slices that would fill the gaps: steps of more than 1.5 times the usual one",
                unit="{slice}",
                null="fewer than two positions, or more than one orientation",
                source="(0020,0032), (0020,0037)",
                minimum=0,
            ),
            column(
                "pixel_spacing_mm",
                LIST_OF_NUMBERS,
                "Row and column spacing",
                unit="mm",
                null=MIXED,
                source="(0028,0030), else (0018,1164)",
            ),
            column(
                "spacing_source",
                pa.string(),
                "Attribute that pixel_spacing_mm is from",
                null=MIXED,
                values=("PixelSpacing", "ImagerPixelSpacing"),
            ),
            column("convolution_kernel", LIST_OF_STRINGS, "Convolution Kernel", null=MIXED, source="(0018,1210)"),
            column(
                "regular_volume",
                pa.bool_(),
                "One orientation, unique positions, even spacing, and no shear as of a tilted gantry",
                null="not CT, or fewer than two slices with a position",
            ),
            column("lossy", pa.bool_(), "Some instance was compressed with loss", source="(0028,2110)"),
            column(
                "photometric",
                pa.string(),
                "Photometric Interpretation; the first in order, where they differ; none without pixels",
                source="(0028,0004)",
            ),
            column("n_instances", pa.int32(), "Number of instances", unit="{instance}", minimum=1),
            column("n_bytes", pa.int64(), "Size of all objects", unit="By", minimum=1),
            column("series_sha256", pa.string(), "SHA-256 over the sorted lines '<sop_uid> <sha256>'"),
            column(
                "series_version", pa.int16(), "Counts the changes of content", unit="{version}", stage=Stage.RELEASE
            ),
            column("first_release", pa.string(), "First release with this series", stage=Stage.RELEASE),
            column("last_changed_release", pa.string(), "Last release that changed it", stage=Stage.RELEASE),
        ]
    ),
    (Reference("study_uid", "imaging_study"), Reference("subject_id", "subject")),
)
