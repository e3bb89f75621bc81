"""Roles, authority and the other pure decisions."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.errors import PasswordUnfitError, UnknownRoleError, UnknownScopeError
from hub.access.recent import RecentlySeen
from hub.access.rules import (
    CUSTOMER_SCOPES,
    ROLE_SCOPES,
    Role,
    RoleGrant,
    authority_of,
    lockout_seconds,
    parse_role,
    parse_scopes,
    require_fit_password,
    require_sound_grants,
)
from hub.kernel.principal import Scope

PLACES = [UUID(int=number) for number in range(1, 4)]
GRANTS = st.lists(
    st.builds(RoleGrant, st.sampled_from(Role), st.one_of(st.none(), st.sampled_from(PLACES))), max_size=6
)


@given(grants=GRANTS)
def test_authority_never_exceeds_the_grants(grants: list[RoleGrant]) -> None:
    authority = authority_of(grants)
    for place in PLACES if authority.location_ids is None else authority.location_ids:
        granted = frozenset[Scope]().union(
            *(ROLE_SCOPES[grant.role] for grant in grants if grant.location_id in {None, place})
        )
        assert authority.scopes <= granted


def test_managing_one_store_gives_no_power_in_another() -> None:
    authority = authority_of([RoleGrant(Role.STORE_MANAGER, PLACES[0]), RoleGrant(Role.ASSOCIATE, PLACES[1])])
    assert authority.scopes == ROLE_SCOPES[Role.ASSOCIATE]
    assert authority.location_ids == frozenset(PLACES[:2])


def test_no_roles_are_no_authority() -> None:
    assert authority_of([]).scopes == frozenset()
    assert authority_of([]).location_ids == frozenset()


def test_only_an_administrator_manages_credentials() -> None:
    assert [role for role in Role if Scope.ACCESS_WRITE in ROLE_SCOPES[role]] == [Role.ADMIN]
    assert not any(scope.value.endswith(":write") for scope in CUSTOMER_SCOPES)


def test_a_central_role_is_not_tied_to_a_store() -> None:
    with pytest.raises(UnknownRoleError):
        require_sound_grants([RoleGrant(Role.ADMIN, PLACES[0])])


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownScopeError, match="stock:read"):
        parse_scopes(["stock:red"])
    with pytest.raises(UnknownRoleError, match="ASSOCIATE"):
        parse_role("king")
    assert parse_role("store_manager") is Role.STORE_MANAGER


@pytest.mark.parametrize("password", ["short", "x" * 129, "a" * 40, "ada-has-a-password", ""])
def test_an_unfit_password_is_refused_without_repeating_it(password: str) -> None:
    with pytest.raises(PasswordUnfitError) as refusal:
        require_fit_password("ada", password)
    assert not password or password not in refusal.value.message


def test_lockouts_double_and_are_bounded() -> None:
    assert [lockout_seconds(n) for n in (0, 4, 5, 6, 7)] == [0, 0, 30, 60, 120]
    assert lockout_seconds(10**9) == 900


def test_the_memory_of_recent_answers_is_bounded_and_short() -> None:
    now = [0.0]
    recent: RecentlySeen[int] = RecentlySeen(capacity=2, clock=lambda: now[0])
    for number in range(3):
        recent.put(bytes([number]), number, 4, since=now[0])
    assert len(recent) == 2
    assert recent.get(b"\0") is None
    assert recent.get(b"\2") == 2
    now[0] = 4.0
    assert recent.get(b"\2") is None
