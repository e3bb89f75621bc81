"""What a claim on a pool takes of bundles and singles that share parts, against the plain sums."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.inventory.pool import Place, Pool, PoolClaim, Terms, choose
from hub.inventory.units import LevelKey, parts_of
from routing import Part

A, B, C, PAIR, TRIO = (UUID(int=number) for number in range(1, 6))
BUNDLES = {PAIR: (Part(A, 1), Part(B, 2)), TRIO: (Part(B, 1), Part(C, 1))}
PLACES = [UUID(int=number) for number in range(11, 14)]
CHANNEL = UUID(int=99)

levels = st.fixed_dictionaries(
    {LevelKey(variant, place): st.integers(0, 6) for variant in (A, B, C) for place in PLACES}
)
demand = st.dictionaries(st.sampled_from([A, B, PAIR, TRIO]), st.integers(1, 6), min_size=1)
terms = st.dictionaries(
    st.sampled_from([A, B, C, PAIR, TRIO]),
    st.builds(
        lambda buffer, cap, wait: Terms(buffer + wait, cap, wait),
        st.integers(0, 3),
        st.none() | st.integers(0, 8),
        st.integers(0, 3),
    ),
)


def pool(held_back: dict[UUID, Terms]) -> Pool:
    # A bundle has no unfilled demand of its own: its parts have.
    clean = {
        variant: Terms(one.held_back - one.demand, one.cap) if variant in BUNDLES else one
        for variant, one in held_back.items()
    }
    places = {place: Place(place, str(place), None, "UTC", frozenset({"SHIP"})) for place in PLACES}
    return Pool(places, clean)


def makes(free: dict[LevelKey, int], variant: UUID, place: UUID) -> int:
    return min(free[LevelKey(part.variant_id, place)] // part.quantity for part in parts_of(variant, BUNDLES))


@given(levels, demand, terms, st.booleans())
def test_a_claim_takes_whole_bundles_and_nothing_twice(
    free: dict[LevelKey, int], wanted: dict[UUID, int], held_back: dict[UUID, Terms], partial: bool
) -> None:
    claim = PoolClaim(CHANNEL, wanted, partial=partial, bundles=BUNDLES)
    pinned = choose(claim, pool(held_back), free.__getitem__)
    taken: Counter[LevelKey] = Counter()
    for key, quantity in pinned.units:
        taken[key] += quantity
    assert all(quantity <= free[key] for key, quantity in taken.items())
    short = {item.key.variant_id: item.available for item in pinned.short}
    needed: Counter[UUID] = Counter()
    for variant, quantity in wanted.items():
        for part in parts_of(variant, BUNDLES):
            needed[part.variant_id] += short.get(variant, quantity) * part.quantity
    got: Counter[UUID] = Counter()
    for key, quantity in taken.items():
        got[key.variant_id] += quantity
    assert got == +needed
    # Each place gives parts in the numbers of whole bundles, so that singles account for the rest.
    for place in PLACES:
        assert taken[LevelKey(C, place)] <= taken[LevelKey(B, place)]
        assert 2 * max(0, taken[LevelKey(A, place)] - wanted.get(A, 0)) <= taken[LevelKey(B, place)]


@given(levels, st.sampled_from([PAIR, TRIO]), st.integers(1, 9), terms)
def test_a_claim_of_one_bundle_is_served_exactly_when_that_many_are_promised(
    free: dict[LevelKey, int], bundle: UUID, quantity: int, held_back: dict[UUID, Terms]
) -> None:
    known = pool(held_back)
    made = sum(makes(free, bundle, place) for place in PLACES)
    for part in BUNDLES[bundle]:
        total = sum(free[LevelKey(part.variant_id, place)] for place in PLACES)
        made = min(made, (total - known.terms_of(part.variant_id).demand) // part.quantity)
    promised = max(0, known.terms_of(bundle).promise(made))
    pinned = choose(PoolClaim(CHANNEL, {bundle: quantity}, bundles=BUNDLES), known, free.__getitem__)
    if quantity <= promised:
        assert not pinned.short
    else:
        assert [(item.requested, item.available) for item in pinned.short] == [(quantity, promised)]
