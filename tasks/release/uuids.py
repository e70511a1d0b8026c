"""The names that released files carry: version 8 UUIDs (RFC 9562, section 5.8) made from what is public anyway."""

import hashlib

_VARIANT = "89ab"  # RFC 9562, section 4.1: the two highest bits of the 17th digit are 10
_SEPARATOR = "\x1f"


def series_uuid(series_uid: str) -> str:
    """Give the folder of a series: the same in every release, so that an unchanged instance is never copied again.

    Parameters
    ----------
    series_uid
        The new Series Instance UID.
    """
    return _uuid("series", series_uid)


def instance_uuid(sop_uid: str, sha256: str) -> str:
    """Give the name of an instance: another one whenever its content changes.

    Parameters
    ----------
    sop_uid
        The new SOP Instance UID.
    sha256
        Hexadecimal digest of the object.
    """
    return _uuid("instance", sop_uid, sha256)


def _uuid(*parts: str) -> str:
    digits = hashlib.sha256(_SEPARATOR.join(parts).encode("ascii")).hexdigest()
    variant = _VARIANT[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
