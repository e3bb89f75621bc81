"""What the demo prints: who came in at the start, and what came of it at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from hub.entrypoints.demo.agreement import Agreement
from hub.entrypoints.demo.cast import BUYING, STAFF
from hub.entrypoints.demo.figures import Figures, refusals
from hub.entrypoints.demo.journal import TOLD, Entry
from hub.entrypoints.demo.seed import USERNAME, Seeded
from hub.infra.checks import Violation

SHOWN_VIOLATIONS = 20


def print_seeded(output: Console, seeded: Seeded, url: str) -> None:
    """Import counts beside the files' own, and how to look at the live page."""
    for counted in seeded.counted:
        output.print(f"  {counted.what}: {counted.imported} of {counted.in_file}", highlight=False)
    staff = f"user [bold]{USERNAME}[/bold]   password [bold]{seeded.password}[/bold]"
    output.print(f"  live page: {url}/console   {staff}", soft_wrap=True)
    output.print(f"  everybody wants: {', '.join(seeded.hot_skus)}", highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the summary tells."""

    seeded: Seeded
    figures: Figures
    agreements: Sequence[Agreement]
    journals: Sequence[Entry]
    broken: Sequence[Violation]
    dead: Sequence[str]


def print_summary(output: Console, outcome: Outcome) -> bool:
    """Whether everything is as it must be."""
    output.print(_orders(outcome.figures))
    told, broken = len(outcome.journals), outcome.broken
    marks = [
        *_import_lines(outcome.seeded),
        *_stock_lines(outcome.figures, outcome.journals),
        *_channel_lines(outcome.agreements),
        *_life_lines(outcome),
        (not broken, f"promises: {len(broken)} broken (hub check; and {told} entries of the clients' journals)"),
    ]
    for fine, line in marks:
        output.print(
            f"  {'[green]✓[/green]' if fine else '[bold red]✗[/bold red]'} {line}", highlight=False, soft_wrap=True
        )
    for violation in broken[:SHOWN_VIOLATIONS]:
        output.print(f"    {violation.invariant}  {violation.entity}: {violation.message}", highlight=False)
    return all(fine for fine, _ in marks)


def _orders(figures: Figures) -> Table:
    table = Table(
        "channel", "captured", "routed", "collected", "shipped", "over the counter", "returned", title="Orders"
    )
    for each in figures.channels:
        numbers = (each.captured, each.routed, each.collected, each.shipped, each.handed_over, each.returned)
        table.add_row(each.code, *(str(number) for number in numbers))
    return table


def _import_lines(seeded: Seeded) -> list[tuple[bool, str]]:
    return [
        (counted.equal, f"imported {counted.what}: {counted.imported} of {counted.in_file} in the file")
        for counted in seeded.counted
    ]


def _stock_lines(figures: Figures, journals: Sequence[Entry]) -> list[tuple[bool, str]]:
    counts = figures.reservations
    refused = sum(number for (kind, _), number in refusals(journals).items() if kind == "reservationCreate")
    return [
        (
            counts["made"] > 0,
            (
                f"reservations: {counts['made']} made ({counts['committed']} committed, {counts['released']} released, "
                f"{counts['lapsed']} lapsed), {refused} refused"
            ),
        ),
        (figures.oversold == 0, f"oversold: {figures.oversold} units, {figures.below_zero} levels below zero"),
        (figures.points_earned > 0, f"points: {figures.points_earned} earned, {figures.points_reversed} taken back"),
    ]


def _channel_lines(agreements: Sequence[Agreement]) -> list[tuple[bool, str]]:
    return [
        (
            each.whole,
            (
                f"{each.channel}: shows the hub's stock in {each.equal} of {each.listed} places, "
                f"and {each.captured} of its {each.orders} orders are captured"
            ),
        )
        for each in agreements
    ]


def _life_lines(outcome: Outcome) -> list[tuple[bool, str]]:
    """A demo in which nothing happens proves nothing."""
    active = {entry.client for entry in outcome.journals if entry.phase == TOLD}
    silent = sorted({*BUYING, STAFF} - active)
    return [
        (not silent, f"clients that were served: {len(active)}; silent: {', '.join(silent) or 'none'}"),
        (not outcome.dead, f"programs that died: {', '.join(outcome.dead) or 'none'}"),
        (outcome.figures.orders > 0, f"orders: {outcome.figures.orders}"),
    ]
