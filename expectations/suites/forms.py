"""The form of what we make ourselves, by column name: anything else in its place may be a source value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """The rule that demands a form, what to call it, and the expression that a value must match."""

    rule_id: str
    text: str
    regex: str


PSEUDONYM = Form("S-FORM", "a pseudonym of 20 base32 characters", r"^[A-Z2-7]{20}\Z")
NEW_UID = Form("I-UID-TREE", "a UID of ours: 2.25. and the decimal form of a UUID", r"^2\.25\.[1-9][0-9]{0,38}\Z")
REGISTERED_UID = Form("S-ENUM", "a registered UID of DICOM", r"^1\.2\.840\.10008(?:\.(?:0|[1-9][0-9]*))+\Z")
SHA256 = Form("S-FORM", "a SHA-256 digest in hexadecimal", r"^[0-9a-f]{64}\Z")

KEYED = Form("S-FORM", "a digest of 32 hexadecimal digits", r"^[0-9a-f]{32}\Z")

FORMS = {
    "event_id": KEYED,
    "parent_event_id": KEYED,
    "test_id": KEYED,
    "condition_id": KEYED,
    "measurement_id": KEYED,
    "medication_id": KEYED,
    "source_row": KEYED,
    "site_id": Form("S-FORM", "the code of a site", r"^[a-z0-9][a-z0-9_-]{0,31}\Z"),
    "subject_id": PSEUDONYM,
    "study_uid": NEW_UID,
    "series_uid": NEW_UID,
    "sop_uid": NEW_UID,
    "sop_class_uid": REGISTERED_UID,
    "transfer_syntax_uid": REGISTERED_UID,
    "sha256": SHA256,
    "series_sha256": SHA256,
    "pixel_sha256": SHA256,
    "md5": Form("S-FORM", "an MD5 digest in hexadecimal", r"^[0-9a-f]{32}\Z"),
    "country": Form("S-ENUM", "an ISO 3166-1 alpha-2 code", r"^[A-Z]{2}\Z"),
    "zip3": Form("D-ZIP", "three digits", r"^[0-9]{3}\Z"),
}
