import logging
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.ratelimit import TokenBucket
from adapters.sdk.transport import ChannelTransport, RateLimit


class Script:
    """Answers of a channel in order (the last one repeats), and what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client(handler: Callable[[httpx.Request], httpx.Response], **options: object) -> ChannelTransport:
    settings: dict[str, object] = {
        "pause": Pauses(),
        "jitter": lambda: 1.0,
        "rate_limit": RateLimit(1000, 1000),
    }
    return ChannelTransport(
        "https://channel.example",
        transport=httpx.MockTransport(handler),
        **(settings | options),  # type: ignore[arg-type]
    )


async def test_numbers_survive_exactly() -> None:
    body = b'{"id": 9223372036854775807123, "price": 19.90}'
    answer = await client(Script(httpx.Response(200, content=body))).request("GET", "/x")
    assert answer.json == {"id": 9223372036854775807123, "price": Decimal("19.90")}


async def test_an_empty_answer_is_none() -> None:
    assert (await client(Script(httpx.Response(204))).request("DELETE", "/x")).json is None


@pytest.mark.parametrize(
    "body", [b'{"a": 1', b"<html>", b'{"a": NaN}', b"[" * 200_000, b"\xff\xfe\x00", b'{"a": Infinity}']
)
async def test_a_success_that_is_not_json_breaks_the_contract(body: bytes) -> None:
    with pytest.raises(ContractBroken) as caught:
        await client(Script(httpx.Response(200, content=body))).request("GET", "/x")
    assert caught.value.path == "$"


async def test_an_answer_beyond_the_bound_is_cut_off() -> None:
    with pytest.raises(ContractBroken, match="larger than 10 bytes"):
        await client(Script(httpx.Response(200, content=b"x" * 11)), max_response_bytes=10).request("GET", "/x")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_channel_is_asked_again_and_then_given_up(status: int) -> None:
    script = Script(httpx.Response(status))
    pauses = Pauses()
    with pytest.raises(Retryable):
        await client(script, pause=pauses).request("GET", "/x")
    assert len(script.requests) == 3
    assert pauses == [0.5, 1.0]


async def test_a_second_attempt_that_works_is_the_answer() -> None:
    script = Script(httpx.Response(503), httpx.Response(200, json={"ok": True}))
    assert (await client(script).request("GET", "/x")).json == {"ok": True}


async def test_a_short_retry_after_is_waited_for() -> None:
    pauses = Pauses()
    script = Script(httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(200, json=1))
    await client(script, pause=pauses).request("GET", "/x")
    assert pauses[0] == 3.0


@pytest.mark.parametrize("header", ["120", "Fri, 31 Dec 2117 23:59:59 GMT"])
async def test_a_long_retry_after_is_given_back_to_the_caller_and_silences_the_channel(header: str) -> None:
    script = Script(httpx.Response(429, headers={"retry-after": header}))
    transport = client(script)
    with pytest.raises(Retryable) as caught:
        await transport.request("GET", "/x")
    assert caught.value.after_seconds is not None
    assert caught.value.after_seconds >= 120
    with pytest.raises(Retryable):
        await transport.request("GET", "/y")
    assert len(script.requests) == 1


async def test_a_write_is_not_repeated_once_it_may_have_been_seen() -> None:
    for outcome in (httpx.ReadTimeout("slow"), httpx.Response(503), httpx.RemoteProtocolError("cut")):
        script = Script(outcome)
        with pytest.raises(Retryable):
            await client(script).request("POST", "/orders", json={})
        assert len(script.requests) == 1


async def test_a_write_is_repeated_when_it_cannot_have_been_seen() -> None:
    for outcome in (httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.Response(429)):
        script = Script(outcome, httpx.Response(200, json=1))
        assert (await client(script).request("POST", "/orders", json={})).json == 1


async def test_an_idempotent_write_is_repeated() -> None:
    script = Script(httpx.ReadTimeout("slow"), httpx.Response(200, json=1))
    assert (await client(script).request("POST", "/stock", json={}, idempotent=True)).json == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_need_a_person(status: int) -> None:
    script = Script(httpx.Response(status, json={}))
    with pytest.raises(AuthFailed):
        await client(script).request("GET", "/x")
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 413, 422])
async def test_any_other_refusal_is_final(status: int) -> None:
    script = Script(httpx.Response(status, json={"message": "no"}))
    with pytest.raises(Rejected, match=str(status)):
        await client(script).request("GET", "/x")
    assert len(script.requests) == 1


async def test_an_internal_error_is_retryable_but_not_repeated_here() -> None:
    script = Script(httpx.Response(500))
    with pytest.raises(Retryable):
        await client(script).request("GET", "/x")
    assert len(script.requests) == 1


async def test_an_accepted_status_is_an_answer() -> None:
    script = Script(httpx.Response(404, json={"code": "gone"}))
    answer = await client(script).request("GET", "/x", accept=(404,))
    assert (answer.status, answer.json) == (404, {"code": "gone"})


async def test_a_channel_can_explain_its_own_errors() -> None:
    transport = client(
        Script(httpx.Response(400, json={"param": "sku"})),
        read_error=lambda _, body: Rejected("taken", field=body["param"]),
    )
    with pytest.raises(Rejected) as caught:
        await transport.request("GET", "/x")
    assert caught.value.field == "sku"


async def test_the_rate_limit_is_honoured_before_sending() -> None:
    now = [100.0]
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    bucket = TokenBucket(RateLimit(per_second=2, burst=2), clock=lambda: now[0], pause=pause)
    script = Script(httpx.Response(200, json=1))
    transport = client(script, limiter=bucket)
    for _ in range(5):
        await transport.request("GET", "/x")
    assert waited == [0.5, 0.5, 0.5]


async def test_a_wait_beyond_the_bound_is_given_back() -> None:
    bucket = TokenBucket(RateLimit(per_second=0.01, burst=1), clock=lambda: 0.0, pause=Pauses())
    transport = client(Script(httpx.Response(200, json=1)), limiter=bucket)
    await transport.request("GET", "/x")
    with pytest.raises(Retryable) as caught:
        await transport.request("GET", "/x")
    assert caught.value.after_seconds == 100.0


async def test_logs_hold_no_header_query_or_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = client(
        Script(httpx.Response(503)),
        auth=httpx.BasicAuth("ck_user", "cs_secret"),
        headers={"x-token": "tok_9"},
    )
    with pytest.raises(Retryable):
        await transport.request("PUT", "/x", params={"signature": "sig_7"}, json={"note": "private"})
    text = " ".join(str(record.__dict__) for record in caplog.records) + caplog.text
    assert "/x" in text
    for secret in ("cs_secret", "tok_9", "sig_7", "private", "Basic"):
        assert secret not in text
