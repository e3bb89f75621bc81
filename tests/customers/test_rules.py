"""Identifiers in the form in which they are compared."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.customers.errors import IdentityInvalidError
from hub.customers.messages import IdentityEvidence, IdentityKind, Person
from hub.customers.rules import (
    completed,
    identifier,
    normalise_email,
    normalise_phone,
    normalise_token,
    usable_identifiers,
)


class TestEmail:
    def test_is_compared_without_case_and_surrounding_blanks(self):
        assert normalise_email("  Ada.Byron+shop@Example.COM ") == "ada.byron+shop@example.com"

    @pytest.mark.parametrize(
        "text", ["", "ada", "@example.com", "ada@", "a@b@c", "a da@example.com", "a\x00@b.c", "a" * 250 + "@b.cd"]
    )
    def test_that_nobody_can_have_is_refused_without_repeating_it(self, text):
        with pytest.raises(IdentityInvalidError) as refused:
            normalise_email(text)
        assert not text or text not in refused.value.message

    @given(st.emails())
    def test_normalising_twice_changes_nothing_more(self, email):
        once = normalise_email(email)
        assert normalise_email(once) == once


class TestPhone:
    @pytest.mark.parametrize(
        ("text", "country", "expected"),
        [
            ("+49 (0)30 123456", "", "+4930123456"),
            ("0049 30 123456", "", "+4930123456"),
            ("030 / 123456", "DE", "+4930123456"),
            ("030 / 123456", "de", "+4930123456"),
            ("06 12345678", "IT", "+390612345678"),
            ("(212) 555-0123", "US", "+12125550123"),
            ("1 212 555 0123", "US", "+12125550123"),
            ("030 / 123456", "", "030123456"),
            ("+٤٩ 30 123456", "", "+4930123456"),
        ],
    )
    def test_is_international_when_that_can_be_known(self, text, country, expected):
        assert normalise_phone(text, country) == expected

    @pytest.mark.parametrize("text", ["", "none", "+12", "+1234567890123456"])
    def test_that_nobody_can_have_is_refused(self, text):
        with pytest.raises(IdentityInvalidError):
            normalise_phone(text)

    def test_in_national_form_proves_nothing_even_when_verified(self):
        national = IdentityEvidence(IdentityKind.PHONE, "030 123456", verified=True)
        assert not identifier(national).proves
        assert identifier(IdentityEvidence(IdentityKind.PHONE, "030 123456", verified=True, country="DE")).proves


def test_a_card_number_is_compared_without_its_grouping():
    assert normalise_token(" ab12-3456 789 ") == "AB123456789"


def test_a_channel_account_needs_its_channel_and_nothing_else_has_one():
    with pytest.raises(IdentityInvalidError):
        identifier(IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, "42"))
    with pytest.raises(IdentityInvalidError):
        identifier(IdentityEvidence(IdentityKind.EMAIL, "a@example.com", channel_id=uuid4()))


def test_of_the_same_identifier_given_twice_the_proof_counts():
    found = usable_identifiers(
        [
            IdentityEvidence(IdentityKind.EMAIL, "a@example.com"),
            IdentityEvidence(IdentityKind.EMAIL, "A@EXAMPLE.com", verified=True),
            IdentityEvidence(IdentityKind.PHONE, "nonsense", verified=True),
        ]
    )
    assert [(one.value, one.proves) for one in found] == [("a@example.com", True)]


def test_what_is_known_stays_and_only_blanks_are_filled():
    assert completed(Person(first_name="Ada"), Person("Bob", "Byron")) == Person("Ada", "Byron")


def test_nothing_about_a_person_shows_when_printed():
    assert "Ada" not in repr(Person("Ada", "Byron", "ada@example.com", "+4930123456"))
    evidence = IdentityEvidence(IdentityKind.EMAIL, "ada@example.com")
    assert "ada" not in repr(evidence)
    assert "ada" not in repr(identifier(evidence))
