"""What this hub does in the background: the one list of work, event consumers and periodic jobs."""

from hub.channel_sync import register_channel_jobs, register_channel_work
from hub.channels import Connections
from hub.infra.runner import WorkRegistry
from hub.infra.scheduler import Scheduler
from hub.infra.sealing import load_sealer
from hub.infra.settings import Settings


def register_work(registry: WorkRegistry) -> None:
    """Every kind of work with its handler, for workers (to run it) and the scheduler (to know its queue)."""
    register_channel_work(registry, Connections(lambda: load_sealer(Settings())))


def register_jobs(scheduler: Scheduler) -> None:
    """Every periodic job and durable event consumer."""
    register_channel_jobs(scheduler)
