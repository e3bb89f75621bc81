from datetime import UTC, datetime, timedelta

import pytest

from adapters.sdk.errors import AuthFailed
from adapters.sdk.signatures import Encoding, check_fresh, check_sha256, digest_id, sign_sha256

# RFC 4231, test case 2.
KEY, DATA = "Jefe", b"what do ya want for nothing?"
HEX = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_the_published_vector_matches_in_hex_and_base64() -> None:
    assert sign_sha256(KEY, DATA, encoding=Encoding.HEX) == HEX
    check_sha256(DATA, HEX, secrets=[KEY], encoding=Encoding.HEX)
    check_sha256(DATA, sign_sha256(KEY, DATA), secrets=[KEY])


def test_either_secret_is_accepted_while_one_is_replaced() -> None:
    check_sha256(DATA, sign_sha256("old", DATA), secrets=["new", "old"])


@pytest.mark.parametrize("signature", [None, "", "é", "AAAA", HEX, " "])
def test_a_missing_or_wrong_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(AuthFailed):
        check_sha256(DATA, signature, secrets=[KEY])


@pytest.mark.parametrize("index", range(len(DATA)))
def test_one_changed_byte_is_refused(index: int) -> None:
    changed = DATA[:index] + bytes([DATA[index] ^ 1]) + DATA[index + 1 :]
    with pytest.raises(AuthFailed):
        check_sha256(changed, sign_sha256(KEY, DATA), secrets=[KEY])


def test_an_empty_secret_never_matches() -> None:
    with pytest.raises(AuthFailed):
        check_sha256(DATA, sign_sha256("", DATA), secrets=[""])


@pytest.mark.parametrize("age", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=1)])
def test_a_stale_or_future_delivery_is_refused(age: timedelta) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    check_fresh(now - timedelta(minutes=4), now=now)
    with pytest.raises(AuthFailed, match="replay window"):
        check_fresh(now - age, now=now)


def test_a_digest_id_depends_on_where_its_parts_end() -> None:
    assert digest_id(b"ab", b"c") != digest_id(b"a", b"bc")
