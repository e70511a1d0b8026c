"""DICOM as bytes: recognition, archives, strict reading, pixel carriers, writing; knows no policy and no store."""
