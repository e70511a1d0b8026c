"""The one word by which this road leaves an object to the other one."""


class Declined(Exception):  # noqa: N818 -- no error: the object takes the other road
    """An object is left to the pydicom path; says nothing about why, for that could hold a value."""
