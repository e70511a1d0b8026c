"""The version of the code, which stands in every digest, manifest and de-identified object."""

from importlib.metadata import version

VERSION = version("imaging-curation")
