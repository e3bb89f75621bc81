"""What `hub check` asks of the roads to channels."""

from sqlalchemy import text

from hub.channel_sync.messages import PROCESS_WORK
from hub.infra.checks import Violation
from hub.infra.database import AnySession

MAX_REPORTED = 100
GRACE_MINUTES = 5

_LOST = text(
    """
    SELECT i.id FROM inbox AS i
    WHERE i.state = 'RECEIVED' AND i.received_at < hub_now() - make_interval(mins => :minutes)
        AND NOT EXISTS (SELECT 1 FROM work_items AS w WHERE w.kind = :kind AND w.subject = i.id::text
                        AND w.state IN ('READY', 'RUNNING'))
    ORDER BY i.id LIMIT :most
    """
)
_ELSEWHERE = text(
    """
    SELECT ls.id FROM listing_stock AS ls JOIN listings AS l ON l.id = ls.listing_id
    WHERE (l.channel_id, l.variant_id) <> (ls.channel_id, ls.variant_id) ORDER BY ls.id LIMIT :most
    """
)
_UNTOLD = text(
    """
    SELECT id FROM listing_stock
    WHERE dirty_seq = clean_seq AND desired IS NOT NULL AND desired IS DISTINCT FROM published
    ORDER BY id LIMIT :most
    """
)


async def check_channels(session: AnySession) -> list[Violation]:
    """Acknowledged events that nobody works on, and listings that are wrong without anybody going to tell."""
    lost = await session.execute(_LOST, {"minutes": GRACE_MINUTES, "kind": PROCESS_WORK, "most": MAX_REPORTED})
    elsewhere = await session.execute(_ELSEWHERE, {"most": MAX_REPORTED})
    untold = await session.execute(_UNTOLD, {"most": MAX_REPORTED})
    return [
        *(
            Violation(
                "acknowledged_event_is_processed",
                f"inbox {row.id}",
                f"received more than {GRACE_MINUTES} minutes ago, not processed, and no work is due for it",
            )
            for row in lost
        ),
        *(
            Violation("listing_stock_is_of_its_listing", f"listing_stock {row.id}", "names another channel or variant")
            for row in elsewhere
        ),
        *(
            Violation("clean_listing_was_told", f"listing_stock {row.id}", "is clean, but desired and published differ")
            for row in untold
        ),
    ]
