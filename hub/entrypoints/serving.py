"""`hub serve`: one uvicorn process around the application, stopped gracefully."""

import gc
import socket

import structlog
import uvicorn

from hub.entrypoints.server import HubServer, public_url_of
from hub.entrypoints.servers import all_servers
from hub.entrypoints.supervisor import PortTakenError, exit_with_parent
from hub.infra import telemetry
from hub.infra.settings import Settings

GRACE_SECONDS = 15
BACKLOG = 2048
YOUNG_OBJECTS = 50_000

log = structlog.get_logger(__name__)


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; accepted requests are answered before the process ends."""
    exit_with_parent()
    telemetry.configure(level=settings.log_level, log_format=settings.log_format)
    with all_servers(settings) as servers, _listening(settings) as listener:
        port: int = listener.getsockname()[1]
        application = HubServer(settings, servers, public_url=public_url_of(settings, port))
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=30,
            ws_max_size=65_536,
            ws="websockets-sansio",
            server_header=False,
            lifespan="on",
        )
        _spare_the_collector()
        log.info("serve.listening", host=settings.host, port=port)
        uvicorn.Server(config).run(sockets=[listener])


def _spare_the_collector() -> None:
    """Keep what lives as long as the process (the schema, the modules) out of every garbage collection.

    A large answer makes many short-lived objects, and each full collection walks everything that is not frozen.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


def _listening(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); set HUB_PORT to a free port, or 0"
        ) from error
    return listener
