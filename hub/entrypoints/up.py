"""`hub up` in the foreground: start, show where everything is, keep it running, stop on Ctrl-C."""

import signal
import time
from types import FrameType

from rich.console import Console

from hub.entrypoints.server import public_url_of
from hub.entrypoints.supervisor import Supervisor, running_hub, watch
from hub.infra.settings import Settings

output = Console()


class _Stop:
    """Set by SIGINT or SIGTERM."""

    def __init__(self) -> None:
        self.asked = False
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run_up(settings: Settings, *, demo: bool, seconds: float | None) -> int:
    """Returns the exit code: 0, or 1 when a demo ended with a broken promise."""
    stop = _Stop()
    with running_hub(settings) as supervisor:
        url = public_url_of(settings, supervisor.port)
        _introduce(supervisor, url)
        if demo:
            from hub.entrypoints.demo.show import run_demo

            return run_demo(supervisor, url, seconds=seconds, stopped=lambda: stop.asked)
        deadline = None if seconds is None else time.monotonic() + seconds
        watch(supervisor, until=lambda: stop.asked or (deadline is not None and time.monotonic() > deadline))
    return 0


def _introduce(supervisor: Supervisor, url: str) -> None:
    assert supervisor.servers is not None  # noqa: S101 (running_hub started them)
    output.print(f"[bold]the hub is up[/bold]: {url}")
    output.print(f"  GraphQL   {url}/graphql")
    output.print(f"  console   {url}/console")
    output.print(f"  health    {url}/health/ready")
    for name, where in supervisor.servers.describe().items():
        output.print(f"  {name:<9} {where}", highlight=False)
    output.print(f"  logs      {supervisor.log_directory}", highlight=False)
    output.print("Ctrl-C stops everything")
