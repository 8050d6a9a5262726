"""Recognises the kind of a file by its first bytes and its name, and says why one is not read.

First bytes that cannot be of another kind decide, whatever the name says: Parquet is Parquet, also
as `.csv`. Between kinds of text, the name decides. Packing is no kind: `FileBytes` recognises it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from utility_ts_analytics.files.file_kinds import (
    MAGIC,
    NAMES,
    NO_KIND,
    UTF_16,
    ZIP,
    FileKind,
    is_nem,
    no_text,
    without_compression,
)

HEAD_BYTES: Final = 65_536
"""Bytes of the unpacked beginning that `recognised` reads: XML and EDIFACT show their kind late."""

_TEXT_KINDS: Final = frozenset(("ndjson", "csv", "psv", "tsv", "nem12"))
"""Kinds that a name alone decides; the others begin in their own way."""

_TEXT_BYTES: Final = 512
"""Bytes of the beginning that are counted to tell text from binary data."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BLANKS: Final = b" \t\r\n"
_ESPI: Final = re.compile(
    rb"naesb\.org/espi|<(?:[\w.-]+:)?(?:IntervalBlock|IntervalReading|UsagePoint|ReadingType)[\s/>]"
)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_OFFICE: Final = (
    (
        b"mimetypeapplication/vnd.oasis.opendocument",
        "is OpenDocument: save it as .xlsx or CSV UTF-8",
    ),
    (b"xl/workbook.bin", "is a binary workbook (.xlsb): save it as .xlsx or CSV UTF-8"),
    (b"word/", "is a Word document: ask for the data as CSV"),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The kind of a file.

    Attributes:
        kind: None where the file is of no kind that is read.
        reason: Then, what it is instead and what to do; follows "it".
    """

    kind: FileKind | None
    reason: str = ""


def recognised(name: PurePath, head: bytes) -> Recognised:
    """Return the kind of a file.

    Args:
        name: Name of the file; its suffixes count where the bytes leave a choice.
        head: The unpacked beginning; at most the first 64 KiB count. Empty where it cannot be read
            in advance, as for a pipe: then the name alone decides.
    """
    head = head[:HEAD_BYTES]
    said = NAMES.get(without_compression(name).suffix.lower())
    if not head:
        return Recognised(said, "" if said else NO_KIND)
    for kind_of_bytes in (_packed_kind, _marked_text, _json_kind):
        found = kind_of_bytes(head, said)
        if found is not None:
            return found
    if said in _TEXT_KINDS:
        return Recognised(said)
    if said is not None:
        return Recognised(None, f"does not begin as its name says ({said})")
    return Recognised(None, NO_KIND)


def _packed_kind(head: bytes, said: FileKind | None) -> Recognised | None:
    """Recognise kinds that are no text; None for text."""
    if head.startswith(b"PAR1"):
        return Recognised("parquet")
    if head.startswith(b"ARROW1"):
        return Recognised("arrow")
    if head.startswith(ZIP):
        for mark, what in _OFFICE:
            if mark in head:
                return Recognised(None, what)
        marked = b"[Content_Types].xml" in head or b"xl/" in head
        return Recognised("workbook" if marked or said == "workbook" else "zip")
    for magic, what in MAGIC:
        if head.startswith(magic) and not (what == UTF_16 and _is_xml(head)):
            return Recognised(None, what)
    reason = no_text(head[:_TEXT_BYTES])
    if reason is not None and not _is_xml(head):
        return Recognised(None, reason)
    return None


def _marked_text(head: bytes, _: FileKind | None) -> Recognised | None:
    """Recognise text whose beginning shows its kind; None for other text."""
    text = _plain(head)
    if text.startswith(b"<"):
        if _ESPI.search(text):
            return Recognised("espi")
        if _HTML.search(text[:1_024]):
            return Recognised(None, "is a web page: ask for the data as a file")
        return Recognised(
            None, "is XML, but no Green Button (ESPI): convert it to CSV, JSON or NDJSON first"
        )
    if is_nem(head):
        return Recognised("nem12")
    return _edifact(text)


def _edifact(text: bytes) -> Recognised | None:
    """Recognise MSCONS among EDIFACT messages; None where it is no EDIFACT."""
    component, element, release, end = b":+?'"[:1], b"+", b"?", b"'"
    if text.startswith(b"UNA"):
        component, element, release, end = (text[place : place + 1] for place in (3, 4, 6, 8))
    elif not text.startswith((b"UNB+", b"UNH+")):
        return None
    begin = rb"(?:^|" + re.escape(end) + rb")[\s]*UNH" + re.escape(element)
    reference = rb"(?:" + re.escape(release) + rb".|[^" + re.escape(element) + rb"])*"
    stop = re.escape(component + element + end)
    found = re.search(begin + reference + re.escape(element) + rb"([^" + stop + rb"]*)", text, re.S)
    if found is None:
        return Recognised(None, "is EDIFACT without a message in its first 64 KiB")
    if found[1] == b"MSCONS":
        return Recognised("mscons")
    message = found[1][:20].decode("ascii", "replace")
    return Recognised(None, f"is EDIFACT with {message} messages; of EDIFACT, only MSCONS is read")


def _json_kind(head: bytes, said: FileKind | None) -> Recognised | None:
    """Recognise NDJSON among JSON documents and arrays; None where it is no JSON."""
    text = _plain(head)
    if text[:1] == b"[":
        opened = text[1:].lstrip(_BLANKS)[:1]
        is_json = opened in b'{["]-0123456789' if opened else said == "json"
        return Recognised("json") if is_json else None
    if text[:1] != b"{":
        return None
    line, _, rest = text.partition(b"\n")
    is_whole = _is_object(line)
    follows = rest.lstrip(_BLANKS)[:1]
    if is_whole and follows:
        return Recognised("ndjson" if follows == b"{" or said == "ndjson" else "json")
    if said == "ndjson":
        # A first line that is only a bracket begins a document; any other may be a broken line.
        return Recognised("json" if line.strip() == b"{" else "ndjson")
    if said == "json" or not is_whole:
        return Recognised("json") if _opens_object(text) or said == "json" else None
    return Recognised("ndjson")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _opens_object(text: bytes) -> bool:
    return re.match(rb'\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\})', text) is not None


def _plain(head: bytes) -> bytes:
    """Return the beginning as ASCII bytes, without a byte order mark and blanks."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    return head.removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANKS)


def _is_xml(head: bytes) -> bool:
    return _plain(head).startswith(b"<")
