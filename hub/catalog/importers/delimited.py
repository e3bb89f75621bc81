"""CSV as bytes on disk, read a row at a time with exact line numbers.

Accepted: UTF-8 with or without a byte-order mark, UTF-16 with one, comma separated, RFC 4180 quoting.
Anything else is refused as a whole before a row is used. A malformed row inside a good file is reported and
reading goes on at the next line, so one stray quote never swallows the rows behind it.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from hub.catalog.errors import FileDelimiterError, FileEncodingError, FileHeaderError, FileTooBrokenError
from hub.catalog.importers.records import RowProblem

MAX_LINE_BYTES = 1 << 20
MAX_RECORD_CHARACTERS = 1 << 20
MAX_MALFORMED_ROWS = 1_000
MAX_COLUMNS = 2_000

_SAVE_AS = "save the file as “CSV UTF-8 (comma delimited)” and try again"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A named file that can be opened from its beginning as often as needed."""

    name: str
    open: Callable[[], BinaryIO]

    @classmethod
    def from_path(cls, path: Path) -> "CsvSource":
        return cls(path.name, lambda: path.open("rb"))

    @classmethod
    def from_bytes(cls, name: str, content: bytes) -> "CsvSource":
        return cls(name, lambda: io.BytesIO(content))


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """`digest` is SHA-256 hex of the bytes; `rows` counts the data rows, malformed ones included."""

    digest: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One record: the line it starts on and its cells, exactly as many as the header has."""

    line: int
    cells: list[str]


def inspect_source(source: CsvSource) -> SourceFacts:
    """Read the whole file once to prove that it can be read, before anything of it is used.

    Raises FileEncodingError, FileHeaderError or FileTooBrokenError.
    """
    digest, size = sha256(), 0
    with source.open() as binary:
        for raw in iter(lambda: binary.read(1 << 16), b""):
            digest.update(raw)
            size += len(raw)
    rows = sum(1 for _ in CsvTable(source, ()))
    return SourceFacts(digest.hexdigest(), rows, size)


def decoded_lines(source: CsvSource) -> Iterator[str]:
    """Physical lines with their ends kept. Raises FileEncodingError naming the line of the first bad byte."""
    with source.open() as binary:
        head = binary.read(4)
        binary.seek(0)
        if head.startswith(_ARCHIVES):
            raise FileEncodingError(source.name, 1, "this is a workbook or an archive, not CSV text", _SAVE_AS)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield from _utf16_lines(source.name, binary)
        else:
            yield from _utf8_lines(source.name, binary)


def _utf8_lines(name: str, binary: BinaryIO) -> Iterator[str]:
    line = 0
    while raw := binary.readline(MAX_LINE_BYTES):
        line += 1
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            raise FileEncodingError(name, line, f"a line is longer than {MAX_LINE_BYTES} bytes", _SAVE_AS)
        if line == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
            if b"\x00" in raw:
                rule = "the header has NUL bytes: this is UTF-16 without a byte-order mark, or not text"
                raise FileEncodingError(name, 1, rule, _SAVE_AS)
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            rule = f"byte 0x{raw[error.start]:02X} is not UTF-8 (it looks like Windows-1252 or ISO-8859-1)"
            raise FileEncodingError(name, line, rule, _SAVE_AS) from None


def _utf16_lines(name: str, binary: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(binary, encoding="utf-16", errors="strict", newline="\n")
    line = 0
    try:
        while content := text.readline(MAX_LINE_BYTES):
            line += 1
            if len(content) == MAX_LINE_BYTES and not content.endswith("\n"):
                rule = f"a line is longer than {MAX_LINE_BYTES} characters"
                raise FileEncodingError(name, line, rule, _SAVE_AS)
            yield content
    except UnicodeError:
        rule = "the bytes after this line are not UTF-16"
        raise FileEncodingError(name, max(line, 1), rule, _SAVE_AS) from None


@dataclass(slots=True)
class _LineFeed:
    """Hands lines to the CSV reader and remembers those of the current record, so that they can be read
    again.
    """

    lines: Iterator[str]
    line: int = 0
    record: list[str] = field(default_factory=list)
    again: deque[str] = field(default_factory=deque)
    recovering_until: int = 0
    _characters: int = 0

    def __iter__(self) -> "_LineFeed":
        return self

    def __next__(self) -> str:
        if self._characters > MAX_RECORD_CHARACTERS:
            raise csv.Error("a quoted field is never closed")
        text = self.again.popleft() if self.again else next(self.lines)
        self.line += 1
        self.record.append(text)
        self._characters += len(text)
        return text

    def start_record(self) -> int:
        self.record.clear()
        self._characters = 0
        return self.line + 1

    def retry_after_first(self) -> None:
        """Give back every line of the broken record except its first."""
        kept = self.record[1:]
        self.recovering_until = max(self.recovering_until, self.line)
        self.line -= len(kept)
        self.again.extendleft(reversed(kept))


class CsvTable:
    """A CSV file with a checked header. Iterating yields rows, and problems of rows that could not be read."""

    def __init__(self, source: CsvSource, required: Sequence[str], aliases: dict[str, str] | None = None) -> None:
        """`required` and the values of `aliases` are canonical names, found whatever their case.

        Raises FileEncodingError, FileDelimiterError or FileHeaderError.
        """
        self.source = source
        self._feed = _LineFeed(decoded_lines(source))
        header = self._read_header(required)
        self.columns = _index_columns(source.name, header, aliases or {})
        self.width = len(header)
        missing = [name for name in required if _fold(name) not in self.columns]
        if missing:
            rule = f"the header lacks {', '.join(missing)}"
            raise FileHeaderError(source.name, 1, rule, "export the file again with its header row in English")
        self.header = header

    def index(self, name: str) -> int:
        """The position of a column, or `width`, where `padded` rows hold an empty cell, when it is absent."""
        return self.columns.get(_fold(name), self.width)

    def _read_header(self, required: Sequence[str]) -> list[str]:
        name = self.source.name
        try:
            header = next(csv.reader(self._feed, strict=True))
        except StopIteration:
            raise FileHeaderError(name, 1, "the file is empty", "export it again") from None
        except csv.Error as error:
            _check_delimiter(name, self._feed.record[0], required)
            raise FileHeaderError(name, 1, f"the header cannot be read ({error})", "export it again") from None
        if len(header) > MAX_COLUMNS:
            raise FileHeaderError(name, 1, f"more than {MAX_COLUMNS} columns", "remove columns")
        if not {_fold(column) for column in required} & {_fold(title) for title in header}:
            _check_delimiter(name, ",".join(header), required)
        return header

    def __iter__(self) -> Iterator[Row | RowProblem]:
        """Rows in file order. Each row has `width + 1` cells; the last is always empty (see `index`)."""
        feed, malformed = self._feed, 0
        reader = csv.reader(feed, strict=True)
        while True:
            line = feed.start_record()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                malformed += 1
                if malformed > MAX_MALFORMED_ROWS:
                    rule = f"more than {MAX_MALFORMED_ROWS} rows are malformed"
                    raise FileTooBrokenError(self.source.name, line, rule, _SAVE_AS) from None
                feed.retry_after_first()
                reader = csv.reader(feed, strict=True)
                yield RowProblem(line, "", "MALFORMED_ROW", f"not RFC 4180 CSV: {error}", rejects_row=True)
                continue
            if cells:
                yield self._fitted(line, cells, strict=line <= feed.recovering_until)

    def _fitted(self, line: int, cells: list[str], *, strict: bool) -> Row | RowProblem:
        count = len(cells)
        if count > self.width or (strict and count != self.width):
            message = f"the row has {count} cells, the header has {self.width}"
            return RowProblem(line, "", "CELL_COUNT", message, rejects_row=True)
        cells.extend([""] * (self.width + 1 - count))
        return Row(line, cells)


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def _index_columns(name: str, header: list[str], aliases: dict[str, str]) -> dict[str, int]:
    folded_aliases = {_fold(alias): _fold(target) for alias, target in aliases.items()}
    columns: dict[str, int] = {}
    for index, title in enumerate(header):
        key = folded_aliases.get(_fold(title), _fold(title))
        if key in columns and key:
            raise FileHeaderError(name, 1, f"column {title!r} stands twice in the header", "remove one of them")
        columns[key] = index
    return columns


def _check_delimiter(name: str, header_line: str, required: Sequence[str]) -> None:
    wanted = {_fold(column) for column in required}
    for delimiter, spoken in _OTHER_DELIMITERS.items():
        titles = {_fold(part.strip().strip('"')) for part in header_line.split(delimiter)}
        if len(titles) > 1 and wanted & titles:
            rule = f"the columns are separated by {spoken}, not commas"
            raise FileDelimiterError(name, 1, rule, _SAVE_AS)
