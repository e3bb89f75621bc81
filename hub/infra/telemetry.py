"""Logs: one structured line per happening, with the request's id, without secrets and personal data.

Events of the standard library's loggers (uvicorn, dramatiq, SQLAlchemy) leave through the same pipe.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from hub.kernel.errors import HubError
from hub.kernel.ids import new_id

REDACTED = "[redacted]"
MAX_DEPTH = 6
MAX_CAUSES = 5
MAX_FRAMES = 30
SENSITIVE = re.compile(
    r"(?:^|_)(?:pass(?:word|phrase)?|secret|token|authori[sz]ation|cookie|credential|api_?key|private_key|"
    r"signature|e_?mail|phone|(?:first|last|full|customer|person)_name|address|street|postcode|zip(?:_code)?|"
    r"birthday|birth_date|contact|body|raw)s?(?:_|$)"
)
WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")
URL_PASSWORD = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+@", re.IGNORECASE)
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)


def configure(*, level: str = "INFO", log_format: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging of this process, to stderr. `auto` writes JSON unless that is a terminal."""
    target = stream or sys.stderr
    as_json = log_format == "json" or (log_format == "auto" and not target.isatty())
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(as_json=as_json, colors=target.isatty())
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


@contextmanager
def request_context(request_id: str | None = None, **fields: Any) -> Iterator[str]:
    """Give every line logged inside the same `request_id` (a new one if none is given), and yield it."""
    chosen = request_id or new_id().hex
    with structlog.contextvars.bound_contextvars(request_id=chosen, **fields):
        yield chosen


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace the values of sensitive keys, at any depth, and secrets inside texts."""
    return {key: _cleaned(key, value, MAX_DEPTH) for key, value in event.items()}


def redact_text(text: str) -> str:
    """The text without passwords of URLs, bearer tokens and e-mail addresses."""
    without = URL_PASSWORD.sub(rf"\g<head>{REDACTED}@", text)
    return EMAIL.sub(REDACTED, BEARER.sub(rf"\1 {REDACTED}", without))


def frames_only(exc_info: ExcInfo) -> str:
    """An exception and its causes as kinds and places. Its words stay out: they may quote values of a person."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(parts) < MAX_CAUSES:
        code = f" {error.code}" if isinstance(error, HubError) else ""
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        places = (f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        parts.append("\n".join((f"{type(error).__name__}{code}", *places)))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncaused by ".join(parts)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(*, as_json: bool, colors: bool) -> list[Processor]:
    last: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=colors)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(frames_only) if as_json else structlog.processors.format_exc_info,
        redact,
        last,
    ]


def _cleaned(key: str, value: Any, depth: int) -> Any:
    if SENSITIVE.search(WORD_BOUNDARY.sub("_", key).lower()):
        return value if value is None or isinstance(value, bool) else REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {k: _cleaned(str(k), v, depth - 1) for k, v in value.items()} if depth else REDACTED
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_cleaned("", v, depth - 1) for v in value] if depth else REDACTED
    return value if isinstance(value, (int, float, bool, type(None))) else redact_text(str(value))
