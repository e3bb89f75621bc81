"""Logs without secrets, metrics with a manual."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from hub.infra import metrics, telemetry
from hub.kernel.errors import InvalidInputError

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"


def lines(output: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


@pytest.fixture
def output() -> Iterator[StringIO]:
    """What this process logs, as configured for production."""
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    written = StringIO()
    telemetry.configure(level="INFO", log_format="json", stream=written)
    yield written
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**config)


class TestLogs:
    def test_a_line_has_the_request_s_id(self, output: StringIO) -> None:
        with telemetry.request_context("r-1", channel_id="c-1"):
            structlog.get_logger("hub.test").info("order.placed", lines=3)
        structlog.get_logger("hub.test").debug("unseen")
        (line,) = lines(output)
        assert {key: line[key] for key in ("event", "lines", "request_id", "channel_id", "level")} == {
            "event": "order.placed",
            "lines": 3,
            "request_id": "r-1",
            "channel_id": "c-1",
            "level": "info",
        }

    def test_secrets_and_persons_are_redacted_at_any_depth(self, output: StringIO) -> None:
        structlog.get_logger("hub.test").info(
            "seen",
            password="hunter2",
            customerEmail="ada@example.org",
            nested={"api_key": "k", "items": [{"phone": "+49"}], "sku": "A-1"},
            headers={"Authorization": "Bearer abc"},
            url="postgresql://hub:hunter2@db/hub",
            note="mail to ada@example.org with Bearer abc.def",
            token_count=None,
            drawer="kept",
        )
        (line,) = lines(output)
        text = json.dumps(line)
        for secret in ("hunter2", "ada@", '"k"', "+49", "abc"):
            assert secret not in text
        assert line["nested"]["sku"] == "A-1"
        assert line["drawer"] == "kept"
        assert line["url"] == "postgresql://hub:[redacted]@db/hub"

    def test_lines_of_libraries_go_the_same_way(self, output: StringIO) -> None:
        logging.getLogger("library").warning("failed for %s", "redis://:hunter2@host")
        (line,) = lines(output)
        assert (line["logger"], line["event"]) == ("library", "failed for redis://:[redacted]@host")

    def test_an_exception_is_shown_by_kind_and_place_without_its_words(self, output: StringIO) -> None:
        try:
            parse_order("Ada Lovelace")
        except InvalidInputError:
            logging.getLogger("library").exception("failed")
        (line,) = lines(output)
        shown = line["exception"].splitlines()
        assert shown[0] == "InvalidInputError INVALID_INPUT"
        assert shown[2].endswith(" parse_order")
        assert shown[3] == "caused by ValueError"
        assert "Ada" not in line["exception"]


def parse_order(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInputError(f"{text} is not an order") from error


def test_every_metric_is_in_the_manual_and_the_other_way_round() -> None:
    exposed = {metric.name for metric in metrics.REGISTRY.collect()}
    described = set(re.findall(r"^\| `(hub_[a-z_]+?)(?:_total)?` ", MANUAL.read_text(), re.MULTILINE))
    assert exposed == described


def test_metrics_are_exposed_as_text() -> None:
    assert b"hub_relay_lag_seconds" in metrics.exposition()
