"""Malformed HTTP requests are refused with a clear code before anything runs."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest


def code_of(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


async def test_a_well_formed_query_is_answered_with_its_cost_and_a_request_id(running):
    response = await running.post('{ item(sku: "S1") { sku } }')
    assert response.status_code == 200
    assert response.json() == {
        "data": {"item": {"sku": "S1"}},
        "extensions": {"cost": {"requested": 1, "limit": 1000}},
    }
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "NaN is not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": -Infinity}}', "-Infinity is not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', "range of a double"),
        (b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5000 + b"}}", "too many digits"),
        (b'{"query": "{ a }", "query": "{ __typename }"}', "'query' occurs twice"),
        (b'{"query": "{ __typename }", "variables": {"a": {"b": 1, "b": 2}}}', "'b' occurs twice"),
        (b'{"query": "{ __typename }", "variables": {"a": "x\\u0000"}}', "NUL"),
        (b'{"query": "{ __typename }", "variables": {"\\u0000": 1}}', "NUL"),
        (b'{"query": "{ __typename }", "variables": {"a": "x\x00"}}', "not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', "surrogate"),
        (b'{"query": "{ __typename }\xff"}', "not UTF-8 at byte 25"),
        (b'{"query": "{ __typename }"', "not JSON"),
        (b"", "not JSON"),
        (b"3", "must be a JSON object"),
        (b'"' + b'\\"' * 30_000, "not JSON"),
        (b'{"variables": ' + b"[" * 5_000 + b'"' + b'\\"' * 20_000, "nested more than 32"),
        (b'{"query": 3}', "query must be a string"),
        (b'{"query": "{ __typename }", "variables": []}', "variables must be an object"),
        (b'{"query": "{ __typename }", "extra": 1}', "unknown member 'extra'"),
        (b"{}", "has no query"),
    ],
)
async def test_a_body_that_is_not_strict_json_is_refused(running, body, told):
    response = await running.send(body)
    assert response.status_code == 400
    assert code_of(response) == "MALFORMED_BODY"
    assert told in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_json_nested_thirty_thousand_deep_is_refused_without_recursion(running, opening):
    body = b'{"query": "{ __typename }", "variables": {"a": ' + opening * 10_000
    response = await running.send(body)
    assert response.status_code == 400
    assert "nested more than 32 levels" in response.json()["errors"][0]["message"]


async def test_json_nested_a_hundred_thousand_deep_is_too_large(running):
    response = await running.send(b"[" * 100_000)
    assert response.status_code == 413
    assert code_of(response) == "BODY_TOO_LARGE"


async def test_brackets_inside_strings_do_not_count_as_nesting(running):
    response = await running.post('query($a: String = "x") { item(sku: $a) { sku } }', variables={"a": "{[" * 500})
    assert response.json()["data"]["item"]["sku"] == "{[" * 500


async def test_a_nine_megabyte_comment_is_refused_by_its_announced_length(running, journal):
    query = "#" + "x" * 9_000_000 + "\n{ items { edges { cursor } } }"
    response = await running.send(json.dumps({"query": query}).encode())
    assert response.status_code == 413
    assert not journal.calls


async def test_a_chunked_body_is_cut_off_at_the_limit(running):
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    headers = running.headers("reader") | {"content-type": "application/json"}
    response = await running.client.post("/graphql", content=chunks(), headers=headers)
    assert response.status_code == 413


async def test_a_batch_is_refused(running):
    response = await running.send(b'[{"query": "{ __typename }"}]')
    assert (response.status_code, code_of(response)) == (400, "BATCHING_NOT_SUPPORTED")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_every_method_but_post_is_refused(running, method):
    response = await running.client.request(
        method, "/graphql", params={"query": "{ __typename }"}, headers=running.headers("reader")
    )
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "",
    ],
)
async def test_every_media_type_but_json_in_utf8_is_refused(running, media_type):
    response = await running.send(b'{"query": "{ __typename }"}', **{"content-type": media_type})
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body_is_refused(running):
    response = await running.send(b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert response.status_code == 415


async def test_an_unknown_credential_gets_401_and_learns_nothing_about_its_query(running):
    response = await running.post("{ nonsense }", caller="stranger")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert code_of(response) == "CREDENTIAL_UNKNOWN"


async def test_a_page_of_a_foreign_origin_is_refused(running):
    response = await running.post("{ __typename }", headers={"origin": "https://shop.example.evil.test"})
    assert (response.status_code, code_of(response)) == (403, "ORIGIN_NOT_ALLOWED")


async def test_a_page_of_our_own_origin_may_ask(running):
    response = await running.post("{ __typename }", headers={"origin": "https://shop.example"})
    assert response.status_code == 200


async def test_a_response_type_we_cannot_write_is_not_acceptable(running):
    response = await running.post("{ __typename }", headers={"accept": "text/html"})
    assert response.status_code == 406


async def test_with_plain_json_only_a_malformed_request_is_an_http_error(running):
    accept = {"accept": "application/json"}
    invalid = await running.post("{ nonsense }", headers=accept)
    malformed = await running.send(b"{", accept="application/json")
    assert (invalid.status_code, malformed.status_code) == (200, 400)
    assert invalid.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_plain_request_id_is_kept_and_one_that_could_forge_log_lines_is_not(running):
    kept = await running.post("{ __typename }", headers={"x-request-id": "abc-12345"})
    replaced = await running.post("{ __typename }", headers={"x-request-id": "abc 12345 level=error"})
    assert kept.headers["x-request-id"] == "abc-12345"
    assert len(replaced.headers["x-request-id"]) == 32
