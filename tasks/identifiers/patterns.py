"""Forms of text that name someone or something whatever the words: dates, numbers that name, contacts, addresses."""

import re
from typing import Final

UNITS: Final = frozenset(
    [
        "bpm",
        "cc",
        "cm",
        "deg",
        "fps",
        "g",
        "gy",
        "hu",
        "hz",
        "kev",
        "kg",
        "kv",
        "kvp",
        "m",
        "ma",
        "mas",
        "mbq",
        "mci",
        "mg",
        "mgy",
        "mhz",
        "min",
        "ml",
        "mm",
        "ms",
        "msec",
        "msv",
        "s",
        "sec",
        "t",
        "usec",
    ]
)
SMALL_WORDS: Final = frozenset(  # on their own they say nothing
    "and as at by for from in into of off on only or per than the then to under until up via".split()  # noqa: SIM905 -- as above
)
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch|s|z)?|m[aä]rz|apr(?:il)?|ma[iy]|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|janvier|f[eé]vrier|avril|juin|juillet|ao[uû]t"
    r"|enero|febrero|abril|junio|julio|agosto|gennaio|maggio|giugno|luglio)"
)
_ORDINAL = r"(?:st|nd|rd|th)?"
_NO_LETTER = r"(?<![^\W_])"
_DATES = (
    r"(?<!\d)\d{4}([-/. ])\d{1,2}\1\d{1,2}(?!\d)",  # year first
    r"(?<!\d)\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2})(?![\d.])",  # day or month first
    rf"{_NO_LETTER}(?:\d{{1,2}}{_ORDINAL}[-\s./,]*)?{_MONTH}\b\.?[-\s./,]*(?:\d{{1,2}}{_ORDINAL}\b[-\s./,]*)?'?\d{{2,4}}(?!\d)",
    rf"(?<!\d)\d{{1,2}}{_ORDINAL}[-\s./]*{_MONTH}(?![^\W_])",
    rf"(?<![\d.])(?:19|20)\d\d(?![\d.]|\s?(?:{'|'.join(sorted(UNITS, key=lambda unit: (-len(unit), unit)))})\b)",
    r"(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)",  # times of day
    r"(?<!\d)(?:9\d|1[0-2]\d)\s*-?\s*(?:yo?|yrs?|years?|jahre?|ans|a[nñ]os|anni)\b",  # ages over 89
)
_NAMING_NUMBERS = (
    r"(?<![\d.])\d+(?:\.\d+){3,}",  # UIDs, and addresses of hosts
    r"\+\d[\d\s()./-]{6,}\d",  # telephone numbers
    r"(?<!\d)\(?\d{3}\)?[\s./-]\d{3}[\s./-]\d{4}(?!\d)",
    r"(?<![\d.])\d{3}-\d{4}(?![\d.])",
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",  # social security numbers
    rf"{_NO_LETTER}(?!\d{{1,4}}(?:x\d{{1,4}}){{1,2}}(?![^\W_]))[^\W_]*(?:\d[^\W_]*){{5,}}",  # five digits, but 512x512
    r"\b(?:room|bed|ward|ext|tel|phone|fax|mrn|ssn|dob|born|id|acc|accession|case)\b\W*[^\W_]*\d[^\W_]*",
)
_ADDRESSES = (
    r"\S*@\S+",
    r"\b(?:[a-z]{2,8}://|urn:|www\.)\S+",
    r"(?<!\d)\d{1,5}[a-z]?\s+(?:[^\W\d_]+\s+){1,3}(?:street|avenue|ave|road|rd|lane|drive|blvd|boulevard)\b",
)
_TITLES = (r"\b(?:dr|prof|mrs|herr|frau|mme|sig|doctor|nurse)\b\.?\s+[^\W\d_]+", r"\bm[rs]\.\s*[^\W\d_]+")
PATTERNS: Final = re.compile("|".join((*_ADDRESSES, *_DATES, *_NAMING_NUMBERS, *_TITLES)), re.IGNORECASE)
