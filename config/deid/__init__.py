"""How DICOM objects are de-identified: the standard's tables as data, and our decisions with a reason each."""

from config.deid.profile import Profile, load_profile

__all__ = ["Profile", "load_profile"]
