"""The fingerprint of an order's content: equal content, equal hash, whatever version the channel names."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import datetime

from adapters.sdk.types import ChannelOrder


def with_content_hash(order: ChannelOrder) -> ChannelOrder:
    """The order with `content_hash` over everything but the hash itself and `source_version`."""
    return replace(order, content_hash=content_hash(order))


def content_hash(order: ChannelOrder) -> str:
    """SHA-256 hex over the canonical JSON of the normalised order."""
    plain = asdict(replace(order, content_hash="", source_version=""))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_text)
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")
