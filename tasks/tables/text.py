"""The text of a file: in the encoding that a mark or its own bytes prove, or that is declared; never a guess."""

import codecs

from tasks.tables.model import ENCODING, UnreadableTableError

_MARKS = (  # the longer marks go first: one of UTF-32 begins with one of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SUPERSETS = {  # what programs write under these names has the letters of the larger sets
    "shift-jis": "cp932",
    "sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
_PROBE = 4096  # bytes; enough to tell two-byte text from text with a stray NUL
_MOST, _FEW = 0.4, 0.05  # shares of NUL bytes on one side of each pair of UTF-16, and on the other


def decode(content: bytes, declared: str = "") -> tuple[str, str]:
    """Give the text of a file and the encoding in which it was read.

    A byte order mark goes before what is declared; without either, the file is UTF-8, or UTF-16 if its bytes say so.

    Raises
    ------
    UnreadableTableError
        If the bytes are no text in that encoding.
    """
    encoding = _encoding_of(content, declared)
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError:
        raise UnreadableTableError(ENCODING) from None


def beginning(content: bytes, declared: str = "") -> str:
    """Give the first text of a file, with marks in place of what is no text."""
    decoder = codecs.getincrementaldecoder(_encoding_of(content, declared))("replace")
    return decoder.decode(content[:_PROBE])


def _encoding_of(content: bytes, declared: str) -> str:
    mark = next((encoding for start, encoding in _MARKS if content.startswith(start)), "")
    return mark or _SUPERSETS.get(declared.casefold().replace("_", "-"), declared) or _two_byte(content) or "utf-8"


def _two_byte(content: bytes) -> str:
    """Give the order of bytes of UTF-16 without a mark: in text of the Latin script every second byte is zero."""
    probe = content[:_PROBE]
    half = max(len(probe) // 2, 1)
    even, odd = probe[::2].count(0) / half, probe[1::2].count(0) / half
    if odd > _MOST and even < _FEW:
        return "utf-16-le"
    return "utf-16-be" if even > _MOST and odd < _FEW else ""
