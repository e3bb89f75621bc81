"""Where channels post their events: `POST /webhooks/{channel code}`. Needs the dependency `webhook_edge`."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from adapters.sdk.types import RawWebhook
from hub.channel_sync import receive_webhook
from hub.channels import Connections
from hub.entrypoints.web.contract import WebhookOperation, WebhookTaken, problems
from hub.infra.database import Database

MAX_WEBHOOK_BYTES: Final = 1_048_576

AnyRequest = Request[Any, Any, Any]

_REFUSALS: Final = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class WebhookEdge:
    """What the composition root gives to the webhook route. `public_url` is what senders know us by."""

    database: Database
    connections: Connections
    public_url: str


def provide_webhook_edge(edge: WebhookEdge) -> dict[str, Provide]:
    """For `Litestar(dependencies=…)`."""
    return {"webhook_edge": Provide(lambda: edge, sync_to_thread=False)}


class WebhookController(Controller):
    """Channels prove themselves by signature; there is no other credential."""

    path = "/webhooks"
    tags = ("Channels",)

    @post(
        "/{channel_code:str}",
        request_max_body_size=MAX_WEBHOOK_BYTES,
        status_code=HTTPStatus.OK,
        operation_class=WebhookOperation,
        responses=_REFUSALS,
    )
    async def receive(
        self, channel_code: FromPath[str], request: AnyRequest, webhook_edge: NamedDependency[WebhookEdge]
    ) -> Response[WebhookTaken]:
        """Take a channel's event: verified by its signature, stored, then answered 200. A repetition is harmless.

        401 for a signature that is missing, wrong or stale; 404 for an unknown channel; 413 above 1 MB; 503 while
        the database is away, so that the sender tries again.
        """
        delivery = RawWebhook(
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.body(),
            url=f"{webhook_edge.public_url.rstrip('/')}/webhooks/{channel_code}",
        )
        receipt = await receive_webhook(webhook_edge.database, webhook_edge.connections, channel_code, delivery)
        return Response(WebhookTaken(receipt.value), status_code=HTTPStatus.OK)
