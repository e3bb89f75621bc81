"""Refusals of the catalog. None of them leaves anything half-done."""

from hub.kernel.errors import HubError


class FileError(HubError):
    """A file that cannot be read as a whole. Says which file, which line, which rule, and what to do."""

    code = "UNREADABLE_FILE"

    def __init__(self, file: str, line: int, rule: str, remedy: str) -> None:
        super().__init__(f"{file}, line {line}: {rule}; {remedy}", path=("file",))
        self.file = file
        self.line = line
        self.rule = rule
        self.remedy = remedy


class FileEncodingError(FileError):
    code = "WRONG_ENCODING"


class FileDelimiterError(FileError):
    code = "WRONG_DELIMITER"


class FileHeaderError(FileError):
    code = "WRONG_HEADER"


class FileTooBrokenError(FileError):
    """More malformed rows than a file may have; what is left would be guesswork."""

    code = "TOO_MANY_MALFORMED_ROWS"


class FileTooLongError(FileError):
    """More rows than the hub takes of this kind of file."""

    code = "FILE_TOO_LONG"


class UnknownFormatError(HubError):
    code = "UNKNOWN_FORMAT"
