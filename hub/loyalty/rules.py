"""What points do: pure arithmetic on lots, and the double entries that prove it.

A lot holds the points of one order line. Its units are counted, not named, and the n-th unit of a line always has
the same share, so the outcome depends only on how many units were fulfilled and how many returned, in whatever
order the news arrives. Every posting sums to zero, in total and per lot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from hub.kernel.money import MAX_AMOUNT_MINOR, spread
from hub.loyalty.errors import InsufficientPointsError, PointsError

MAX_POINTS = 10**12


class Book(StrEnum):
    """Where points can be. Member books belong to an account, programme books mirror them."""

    MEMBER_AVAILABLE = "MEMBER_AVAILABLE"
    MEMBER_PENDING = "MEMBER_PENDING"
    MEMBER_HELD = "MEMBER_HELD"
    MEMBER_OWED = "MEMBER_OWED"
    """Negative: spent points whose goods came back."""
    PROGRAMME_ISSUED = "PROGRAMME_ISSUED"
    PROGRAMME_BURNED = "PROGRAMME_BURNED"

    @property
    def of_member(self) -> bool:
        return self.value.startswith("MEMBER_")


class TransactionKind(StrEnum):
    GRANT = "GRANT"
    """Lots made at capture; nothing is earned yet, so it has no entries."""
    EARN = "EARN"
    ACTIVATE = "ACTIVATE"
    REVERSE = "REVERSE"
    SPEND = "SPEND"
    ADJUST = "ADJUST"


class Source(StrEnum):
    """What a source id names."""

    ORDER = "ORDER"
    FULFILLMENT_ORDER_LINE = "FULFILLMENT_ORDER_LINE"
    RETURN_LINE = "RETURN_LINE"
    TRANSACTION = "TRANSACTION"
    CHECKOUT = "CHECKOUT"
    STAFF = "STAFF"


@dataclass(frozen=True, slots=True)
class Ratio:
    """`points` for each `minor_units` of the base, in the programme's currency."""

    points: int
    minor_units: int


@dataclass(frozen=True, slots=True)
class Lot:
    """The points of one line. pending + available + spent − owed = earned − reversed, none negative.

    `owed` is what was reversed here after it had been spent and that no other lot could cover yet.
    """

    id: UUID
    quantity: int
    granted: int
    fulfilled_units: int = 0
    returned_units: int = 0
    earned: int = 0
    reversed: int = 0
    pending: int = 0
    available: int = 0
    spent: int = 0
    owed: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    book: Book
    lot_id: UUID
    points: int


@dataclass(frozen=True, slots=True)
class Posting:
    """The lots as they become, and the entries that lead there. `units` is how many units were counted."""

    lots: tuple[Lot, ...]
    entries: tuple[Entry, ...]
    units: int = 0

    def moved(self, book: Book) -> int:
        return sum(entry.points for entry in self.entries if entry.book is book)


def points_of_order(ratio: Ratio, bases_minor: Sequence[int]) -> int:
    """Points for an order, rounded down once on the whole. Raises PointsError for a base no order can have."""
    if any(base < 0 for base in bases_minor):
        raise PointsError("the base of a line is its price net of discounts: it cannot be negative")
    total = sum(bases_minor)
    if total > MAX_AMOUNT_MINOR:
        raise PointsError(f"an order base of {total} is beyond {MAX_AMOUNT_MINOR} minor units")
    return total * ratio.points // ratio.minor_units


def points_of_lines(ratio: Ratio, bases_minor: Sequence[int]) -> list[int]:
    """The order's points, shared among its lines by largest remainder; the parts sum to the whole."""
    return spread(points_of_order(ratio, bases_minor), list(bases_minor))


def share_of_units(granted: int, quantity: int, units: int) -> int:
    """What the first `units` of `quantity` units are worth: equal shares, the odd points to the earliest units.

    The same as summing the first `units` parts of `spread(granted, [1] * quantity)`, without the list.
    """
    each, odd = divmod(granted, quantity)
    return each * units + min(odd, units)


def earn_units(lot: Lot, units: int, *, pending: bool, owing: Sequence[Lot] = ()) -> Posting:
    """Count `units` more as handed over, at most those the line has left.

    Units whose return was reported before are netted at once. What is earned pays the debts of `owing` (in
    order) unless it has to wait as pending.
    """
    fulfilled = min(lot.quantity, lot.fulfilled_units + units)
    now = _counted(lot, fulfilled=fulfilled, returned=lot.returned_units)
    points = (now.earned - now.reversed) - (lot.earned - lot.reversed)
    draft = _Draft((lot, *owing))
    draft.put(now)
    draft.post(Book.PROGRAMME_ISSUED, lot.id, -points)
    if pending:
        draft.take_pending(lot.id, -points)
    else:
        draft.credit(lot.id, points)
    return draft.posting(fulfilled - lot.fulfilled_units)


def return_units(lot: Lot, units: int, *, others: Sequence[Lot] = ()) -> Posting:
    """Count `units` more as returned, at most those the line has left, and take back their share.

    Taken from the lot's pending points, then from its available ones; what was already spent is covered by
    `others` (the account's lots with available points, oldest first), and the rest is owed. Units that were not
    handed over yet cost nothing now: `earn_units` nets them later.
    """
    returned = min(lot.quantity, lot.returned_units + units)
    now = _counted(lot, fulfilled=lot.fulfilled_units, returned=returned)
    points = now.reversed - lot.reversed
    draft = _Draft((lot, *others))
    draft.put(now)
    draft.post(Book.PROGRAMME_ISSUED, lot.id, points)
    from_pending = min(points, lot.pending)
    from_available = min(points - from_pending, lot.available)
    draft.take_pending(lot.id, from_pending)
    draft.take_available(lot.id, from_available)
    draft.debit(lot.id, points - from_pending - from_available, [other.id for other in others])
    return draft.posting(returned - lot.returned_units)


def activate_points(lot: Lot, points: int, *, owing: Sequence[Lot] = ()) -> Posting:
    """Make at most `points` pending points of the lot available, after paying the debts of `owing`."""
    released = min(points, lot.pending)
    draft = _Draft((lot, *owing))
    draft.take_pending(lot.id, released)
    draft.credit(lot.id, released)
    return draft.posting()


def require_points(points: int) -> None:
    """Raises PointsError unless 1 … MAX_POINTS."""
    if not 1 <= points <= MAX_POINTS:
        raise PointsError(f"{points} points: it must be 1 to {MAX_POINTS}", path=("points",))


def spend_points(points: int, lots: Sequence[Lot]) -> Posting:
    """Burn exactly `points`, oldest lot first. Raises PointsError or InsufficientPointsError."""
    require_points(points)
    available = sum(lot.available for lot in lots)
    if available < points:
        raise InsufficientPointsError(points, available)
    draft, missing = _Draft(lots), points
    for lot in lots:
        missing -= draft.burn(lot.id, min(missing, lot.available))
    return draft.posting()


def _counted(lot: Lot, *, fulfilled: int, returned: int) -> Lot:
    return replace(
        lot,
        fulfilled_units=fulfilled,
        returned_units=returned,
        earned=share_of_units(lot.granted, lot.quantity, fulfilled),
        reversed=share_of_units(lot.granted, lot.quantity, min(returned, fulfilled)),
    )


@dataclass(slots=True)
class _Draft:
    """A posting in the making: each step changes lots and writes both sides."""

    before: Iterable[Lot]
    lots: dict[UUID, Lot] = field(init=False)
    points: dict[tuple[Book, UUID], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.before = {lot.id: lot for lot in self.before}.values()
        self.lots = {lot.id: lot for lot in self.before}

    def put(self, lot: Lot) -> None:
        self.lots[lot.id] = lot

    def post(self, book: Book, lot_id: UUID, points: int) -> None:
        self.points[book, lot_id] = self.points.get((book, lot_id), 0) + points

    def take_pending(self, lot_id: UUID, points: int) -> None:
        self.put(replace(self.lots[lot_id], pending=self.lots[lot_id].pending - points))
        self.post(Book.MEMBER_PENDING, lot_id, -points)

    def take_available(self, lot_id: UUID, points: int) -> None:
        self.put(replace(self.lots[lot_id], available=self.lots[lot_id].available - points))
        self.post(Book.MEMBER_AVAILABLE, lot_id, -points)

    def add_spent(self, lot_id: UUID, points: int) -> None:
        self.put(replace(self.lots[lot_id], spent=self.lots[lot_id].spent + points))
        self.post(Book.PROGRAMME_BURNED, lot_id, points)

    def add_owed(self, lot_id: UUID, points: int) -> None:
        self.put(replace(self.lots[lot_id], owed=self.lots[lot_id].owed + points))
        self.post(Book.MEMBER_OWED, lot_id, -points)

    def burn(self, lot_id: UUID, points: int) -> int:
        self.take_available(lot_id, points)
        self.add_spent(lot_id, points)
        return points

    def credit(self, lot_id: UUID, points: int) -> None:
        """Make points of a lot available, but first let them pay what other lots owe: they take over the spending."""
        self.take_available(lot_id, -points)
        for debtor in [lot for lot in self.lots.values() if lot.owed]:
            paid = min(debtor.owed, points)
            points -= self.burn(lot_id, paid)
            self.add_spent(debtor.id, -paid)
            self.add_owed(debtor.id, -paid)

    def debit(self, lot_id: UUID, points: int, covering: Sequence[UUID]) -> None:
        """Take back points that were spent: `covering` lots take over the spending, the rest is owed."""
        for other in covering:
            paid = min(points, self.lots[other].available)
            points -= self.burn(other, paid)
            self.add_spent(lot_id, -paid)
        self.add_owed(lot_id, points)

    def posting(self, units: int = 0) -> Posting:
        changed = tuple(self.lots[lot.id] for lot in self.before if self.lots[lot.id] != lot)
        entries = tuple(Entry(book, lot_id, points) for (book, lot_id), points in self.points.items() if points)
        return Posting(lots=changed, entries=entries, units=units)
