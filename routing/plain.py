"""Plain (JSON) data for snapshots and decisions, and back, exactly.

The form follows the dataclasses: fields by name, ids and instants as text, sets sorted. Reading ignores
unknown fields and takes the default of a missing one, so that what an older engine stored stays readable.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, time
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hub.kernel.clock import parse_instant
from routing.decision import RoutingDecision
from routing.errors import StoredFormError
from routing.selection import RoutingSnapshot

T = TypeVar("T")
Plain = dict[str, Any]


def to_plain(value: RoutingSnapshot | RoutingDecision) -> Plain:
    """JSON-able data; equal values give equal data, keys in the same order."""
    return _plain_record(value)


def snapshot_from_plain(data: object) -> RoutingSnapshot:
    """The snapshot that `to_plain` wrote. Raises StoredFormError (with the path) for anything else."""
    snapshot: RoutingSnapshot = _record(RoutingSnapshot, data, ())
    return snapshot


def decision_from_plain(data: object) -> RoutingDecision:
    """The decision that `to_plain` wrote. Raises StoredFormError (with the path) for anything else."""
    decision: RoutingDecision = _record(RoutingDecision, data, ())
    return decision


def _plain(value: Any) -> Any:
    if isinstance(value, (UUID, StrEnum)):
        return str(value)
    if isinstance(value, (datetime, time)):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return dict(sorted((_plain(key), _plain(item)) for key, item in value.items()))
    return _plain_record(value) if is_dataclass(value) else value


def _plain_record(record: Any) -> Plain:
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _read(annotation: Any, data: Any, path: tuple[str, ...]) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return _read_union(arguments, data, path)
    if origin in {tuple, frozenset}:
        items = _expect(data, list, path)
        return origin(_read(arguments[0], item, (*path, str(i))) for i, item in enumerate(items))
    if origin is Mapping:
        table = _expect(data, dict, path)
        key, value = arguments
        return {_read(key, k, (*path, k)): _read(value, v, (*path, k)) for k, v in table.items()}
    if is_dataclass(annotation):
        return _record(annotation, data, path)
    return _read_scalar(annotation, data, path)


def _record(kind: Any, data: object, path: tuple[str, ...]) -> Any:
    table = _expect(data, dict, path)
    hints = _hints(kind)
    values = {
        field.name: _read(hints[field.name], table[field.name], (*path, field.name))
        for field in fields(kind)
        if field.name in table or _required(field, path)
    }
    return kind(**values)


def _required(field: Field[Any], path: tuple[str, ...]) -> bool:
    """False for a field with a default; a missing field without one is a misfit."""
    if field.default is MISSING and field.default_factory is MISSING:
        raise StoredFormError(f"field {'.'.join((*path, field.name))} is missing", path=(*path, field.name))
    return False


def _read_union(members: tuple[Any, ...], data: Any, path: tuple[str, ...]) -> Any:
    if data is None and type(None) in members:
        return None
    remaining = [member for member in members if member is not type(None)]
    chosen = next((member for member in remaining if type(data) is member), remaining[0])
    return _read(chosen, data, path)


def _read_scalar(annotation: Any, data: Any, path: tuple[str, ...]) -> Any:
    if annotation is float and type(data) is int:
        return float(data)
    if annotation in {int, float, bool, str}:
        return _expect(data, annotation, path)
    text = _expect(data, str, path)
    try:
        return _TEXT_FORMS.get(annotation, annotation)(text)
    except ValueError:
        raise StoredFormError(
            f"{'.'.join(path)} is {text[:60]!r}, which is not a {annotation.__name__}", path=path
        ) from None


def _expect(data: Any, kind: type[T], path: tuple[str, ...]) -> T:
    if type(data) is not kind:
        raise StoredFormError(
            f"{'.'.join(path) or 'the data'} is a {type(data).__name__}, not a {kind.__name__}", path=path
        )
    return data


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


_TEXT_FORMS: Mapping[Any, Callable[[str], Any]] = {
    datetime: parse_instant,
    time: time.fromisoformat,
    UUID: UUID,
}
