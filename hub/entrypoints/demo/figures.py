"""What the demo counts: from the hub's own rows, and from what the clients wrote down."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from hub.entrypoints.demo.journal import REFUSED, Entry
from hub.infra.database import AnySession

_ORDERS: Final = text(
    """
    SELECT c.code, count(*) AS captured,
           count(*) FILTER (WHERE EXISTS (SELECT FROM routing_decisions AS d WHERE d.order_id = o.id)) AS routed,
           count(*) FILTER (WHERE o.method = 'HANDED_OVER') AS handed_over,
           (SELECT count(*) FROM fulfillment_orders AS f JOIN orders AS p ON p.id = f.order_id
            WHERE p.channel_id = c.id AND f.status = 'CLOSED' AND f.method = 'PICKUP') AS collected,
           (SELECT count(*) FROM fulfillment_orders AS f JOIN orders AS p ON p.id = f.order_id
            WHERE p.channel_id = c.id AND f.status = 'CLOSED' AND f.method = 'SHIP') AS shipped,
           count(*) FILTER (WHERE EXISTS (SELECT FROM order_returns AS r WHERE r.order_id = o.id)) AS returned
    FROM orders AS o JOIN channels AS c ON c.id = o.channel_id GROUP BY c.id, c.code ORDER BY c.code
    """
)
_RESERVATIONS: Final = text(
    """
    SELECT count(*) AS made, count(*) FILTER (WHERE status = 'EXPIRED') AS lapsed,
           count(*) FILTER (WHERE status = 'RELEASED') AS released,
           count(*) FILTER (WHERE status = 'COMMITTED') AS committed
    FROM reservations WHERE owner IN ('CART', 'TERMINAL')
    """
)
_POINTS: Final = text(
    "SELECT coalesce(sum(earned), 0)::bigint AS earned, coalesce(sum(reversed), 0)::bigint AS reversed"
    " FROM loyalty_lots"
)
_OVERSOLD: Final = text(
    """
    SELECT coalesce(sum(greatest(shortage, reserved + allocated - greatest(on_hand, 0), 0)), 0)::bigint AS units
    FROM stock_levels
    """
)
_BELOW_ZERO: Final = text("SELECT count(*) FROM stock_levels WHERE on_hand < 0")


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Orders, except `collected` and `shipped`, which count fulfillment orders."""

    code: str
    captured: int
    routed: int
    handed_over: int
    collected: int
    shipped: int
    returned: int


@dataclass(frozen=True, slots=True)
class Figures:
    """`oversold` counts units that were granted and are not there."""

    channels: tuple[ChannelFigures, ...] = ()
    reservations: dict[str, int] = field(default_factory=dict)
    points_earned: int = 0
    points_reversed: int = 0
    oversold: int = 0
    below_zero: int = 0

    @property
    def orders(self) -> int:
        return sum(channel.captured for channel in self.channels)


async def read_figures(session: AnySession) -> Figures:
    points = (await session.execute(_POINTS)).one()
    return Figures(
        channels=tuple(ChannelFigures(**row._mapping) for row in await session.execute(_ORDERS)),  # noqa: SLF001
        reservations=dict((await session.execute(_RESERVATIONS)).mappings().one()),
        points_earned=points.earned,
        points_reversed=points.reversed,
        oversold=(await session.execute(_OVERSOLD)).scalar_one(),
        below_zero=(await session.execute(_BELOW_ZERO)).scalar_one(),
    )


def refusals(entries: Iterable[Entry]) -> Counter[tuple[str, str]]:
    """How often each mutation was refused, by code, as the clients were told."""
    return Counter((entry.kind, entry.facts["code"]) for entry in entries if entry.phase == REFUSED)
