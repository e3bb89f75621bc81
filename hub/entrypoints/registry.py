"""What this hub does in the background: the one list of work, event consumers and periodic jobs."""

from hub.infra.runner import WorkRegistry
from hub.infra.scheduler import Scheduler


def register_work(registry: WorkRegistry) -> None:
    """Every kind of work with its handler, for workers (to run it) and the scheduler (to know its queue)."""
    _ = registry


def register_jobs(scheduler: Scheduler) -> None:
    """Every periodic job and durable event consumer."""
    _ = scheduler
