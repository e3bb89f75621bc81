"""Checks what goes over the wire against Square's official API description."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from openapi_schema_validator import OAS30Validator


@dataclass(frozen=True, slots=True)
class Exchange:
    request: httpx.Request
    status: int
    answer: Any

    @property
    def body(self) -> Any:
        return json.loads(self.request.content) if self.request.content else None


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on and keeps them with their answers."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.exchanges: list[Exchange] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        content = await response.aread()
        self.exchanges.append(Exchange(request, response.status_code, json.loads(content)))
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)


class Description:
    """The official document: finds the operation of an exchange and reports every misfit."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations)
            for path, operations in document["paths"].items()
        ]

    def misfits(self, exchange: Exchange) -> list[str]:
        operation = self._operation(exchange.request)
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        found = [] if schema is None else list(self.misfits_of(schema, exchange.body))
        if exchange.status == 200:
            answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
            found += self.misfits_of(answer, exchange.answer)
        return found

    def misfits_of(self, schema: dict[str, Any], value: Any) -> Iterator[str]:
        validator = OAS30Validator({**schema, "components": self._document["components"]})
        yield from (f"{error.json_path}: {error.message}" for error in validator.iter_errors(value))
        yield from self._undeclared(schema, value, "$")

    def schema(self, name: str) -> dict[str, Any]:
        return {"$ref": f"#/components/schemas/{name}"}

    def example(self, name: str) -> Any:
        return self._document["components"]["schemas"][name]["example"]

    def _operation(self, request: httpx.Request) -> Any:
        for pattern, operations in self._paths:
            if pattern.fullmatch(request.url.path) and request.method.lower() in operations:
                return operations[request.method.lower()]
        raise AssertionError(f"the description has no {request.method} {request.url.path}")

    def _undeclared(self, schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
        """Field names that the description does not know: Square refuses them."""
        if "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if isinstance(value, list):
            for index, entry in enumerate(value):
                yield from self._undeclared(schema.get("items", {}), entry, f"{path}[{index}]")
        properties = schema.get("properties")
        if isinstance(value, dict) and properties is not None:
            for name, entry in value.items():
                if name not in properties:
                    yield f"{path}.{name}: is not declared"
                else:
                    yield from self._undeclared(properties[name], entry, f"{path}.{name}")


@cache
def description(path: Path) -> Description:
    return Description(json.loads(path.read_text(encoding="utf-8")))
