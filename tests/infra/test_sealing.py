"""Sealing: only the right key, purpose and owner open a value; keys rotate; deleting a key erases."""

import stat
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hub.infra.sealing import (
    KeyFileExposedError,
    PersonKeys,
    SealBrokenError,
    Sealer,
    SealKeyUnknownError,
    SecretKey,
    SecretKeyInvalidError,
    load_sealer,
    read_or_make_key_file,
)
from hub.infra.settings import Settings

OLD = SecretKey(bytes(range(32)))
NEW = SecretKey(bytes(range(32, 64)))
OWNER = UUID("01900000-0000-7000-8000-000000000001")
PLAIN = b"+49 30 901820"


class TestSealing:
    @given(plain=st.binary(max_size=2_000), purpose=st.text(max_size=40), owner=st.uuids())
    def test_what_was_sealed_opens_again(self, plain: bytes, purpose: str, owner: UUID) -> None:
        sealer = Sealer(OLD)
        assert sealer.open(purpose, owner, sealer.seal(purpose, owner, plain)) == plain

    def test_the_plain_text_is_not_in_the_envelope_and_no_two_are_alike(self) -> None:
        sealer = Sealer(OLD)
        first, second = sealer.seal("contact", OWNER, PLAIN), sealer.seal("contact", OWNER, PLAIN)
        assert first != second
        assert PLAIN not in first

    def test_another_purpose_or_owner_does_not_open_it(self) -> None:
        sealer = Sealer(OLD)
        sealed = sealer.seal("contact", OWNER, PLAIN)
        with pytest.raises(SealBrokenError):
            sealer.open("channel-settings", OWNER, sealed)
        with pytest.raises(SealBrokenError):
            sealer.open("contact", uuid4(), sealed)

    def test_no_byte_can_be_changed_or_cut_off(self) -> None:
        sealer = Sealer(OLD)
        sealed = sealer.seal("contact", OWNER, PLAIN)
        for place in range(len(sealed)):
            changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
            with pytest.raises((SealBrokenError, SealKeyUnknownError)):
                sealer.open("contact", OWNER, changed)
            with pytest.raises(SealBrokenError):
                sealer.open("contact", OWNER, sealed[:place])

    def test_bodies_of_two_envelopes_cannot_be_swapped(self) -> None:
        sealer = Sealer(OLD)
        first, second = sealer.seal("contact", OWNER, b"a" * 32), sealer.seal("contact", OWNER, b"b" * 32)
        with pytest.raises(SealBrokenError):
            sealer.open("contact", OWNER, first[:69] + second[69:])


class TestRotation:
    def test_the_previous_key_still_opens_and_the_new_one_seals(self) -> None:
        sealed = Sealer(OLD).seal("contact", OWNER, PLAIN)
        rotated = Sealer(NEW, OLD)
        assert rotated.open("contact", OWNER, sealed) == PLAIN
        assert rotated.needs_resealing(sealed)
        assert not rotated.needs_resealing(rotated.seal("contact", OWNER, PLAIN))
        assert Sealer(NEW).open("contact", OWNER, rotated.seal("contact", OWNER, PLAIN)) == PLAIN

    def test_a_retired_key_is_named_in_the_refusal(self) -> None:
        sealed = Sealer(OLD).seal("contact", OWNER, PLAIN)
        with pytest.raises(SealKeyUnknownError, match=OLD.id.hex()):
            Sealer(NEW).open("contact", OWNER, sealed)

    def test_identifiers_are_found_under_both_keys(self) -> None:
        stored = Sealer(OLD).blind_index("email", "a@example.com")
        rotated = Sealer(NEW, OLD)
        assert stored in rotated.blind_indexes("email", "a@example.com")
        assert rotated.blind_index("email", "a@example.com") in rotated.blind_indexes("email", "a@example.com")
        assert stored != rotated.blind_index("email", "a@example.com")

    def test_a_hashed_identifier_depends_on_its_purpose(self) -> None:
        sealer = Sealer(OLD)
        assert sealer.blind_index("email", "x") != sealer.blind_index("phone", "x")
        assert sealer.blind_index("email", "x") == Sealer(OLD).blind_index("email", "x")


class TestPersonKeys:
    def test_a_persons_data_opens_with_the_unwrapped_key_only(self) -> None:
        keys = PersonKeys(Sealer(OLD))
        ada, bob = uuid4(), uuid4()
        ada_key, ada_wrapped = keys.create(ada)
        _, bob_wrapped = keys.create(bob)
        sealed = ada_key.seal("name", b"Ada")
        assert keys.unwrap(ada, ada_wrapped).open("name", sealed) == b"Ada"
        with pytest.raises(SealBrokenError):
            keys.unwrap(bob, bob_wrapped).open("name", sealed)
        with pytest.raises(SealBrokenError):
            keys.unwrap(bob, ada_wrapped)
        with pytest.raises(SealBrokenError):
            ada_key.open("phone", sealed)
        with pytest.raises(SealBrokenError):
            ada_key.open("name", b"")

    def test_a_key_is_rewrapped_without_touching_the_data(self) -> None:
        person = uuid4()
        key, wrapped = PersonKeys(Sealer(OLD)).create(person)
        sealed = key.seal("name", b"Ada")
        rewrapped = PersonKeys(Sealer(NEW, OLD)).rewrap(person, wrapped)
        assert PersonKeys(Sealer(NEW)).unwrap(person, rewrapped).open("name", sealed) == b"Ada"


class TestTheKeyItself:
    def test_it_is_never_shown(self) -> None:
        key, _ = PersonKeys(Sealer(OLD)).create(OWNER)
        shown = f"{OLD!r} {Sealer(OLD)!r} {key!r}"
        assert repr(OLD.root) not in shown
        assert OLD.root.hex() not in shown
        assert repr(key.secret) not in shown

    @pytest.mark.parametrize("text", ["", "not base64!", b64encode(b"short").decode(), "AAAA"])
    def test_a_bad_one_is_refused_without_repeating_it(self, text: str) -> None:
        with pytest.raises(SecretKeyInvalidError) as refusal:
            SecretKey.from_text(text)
        assert not text or text not in refusal.value.message

    def test_it_comes_from_the_settings_when_given(self, tmp_path: Path) -> None:
        settings = Settings(
            data_dir=tmp_path,
            secret_key=SecretStr(b64encode(NEW.root).decode()),
            previous_secret_key=SecretStr(b64encode(OLD.root).decode()),
        )
        sealer = load_sealer(settings)
        assert sealer.open("contact", OWNER, Sealer(OLD).seal("contact", OWNER, PLAIN)) == PLAIN
        assert list(tmp_path.iterdir()) == []
        assert NEW.root.hex() not in repr(settings.redacted())

    def test_else_it_is_made_once_and_private(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "hub")
        sealed = load_sealer(settings).seal("contact", OWNER, PLAIN)
        assert load_sealer(settings).open("contact", OWNER, sealed) == PLAIN
        [key_file] = (tmp_path / "hub").iterdir()
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600

    def test_processes_that_start_together_agree_on_one(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.key"
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _: read_or_make_key_file(path).root, range(32)))
        assert len(found) == 1
        assert [entry.name for entry in tmp_path.iterdir()] == ["secret.key"]

    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.key"
        read_or_make_key_file(path)
        path.chmod(0o644)
        with pytest.raises(KeyFileExposedError, match="chmod 600"):
            read_or_make_key_file(path)
