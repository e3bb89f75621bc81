"""Connections that live on are re-authorised: a revoked credential loses them within seconds."""

import asyncio

import structlog

from hub.kernel.principal import Principal
from hub_graphql.edge import Edge

log = structlog.get_logger(__name__)


async def revoked(edge: Edge, principal: Principal) -> None:
    """Returns once `principal` no longer stands. When that cannot be found out the answer is no as well."""
    while True:
        await asyncio.sleep(edge.reauthorise_seconds)
        try:
            if not await edge.still_valid(principal):
                return
        except Exception as error:  # unknown means no
            log.warning("graphql.reauthorise_failed", exc_info=error)
            return
