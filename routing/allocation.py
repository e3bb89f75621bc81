"""Allocation: which chosen location gives how many units of which line.

A line goes whole to the best-ranked location that still has all of it; what remains is filled rank by rank.
Units given per variant are the same either way; whole lines only spare the buyer a parcel with half a line. Bundles
come first: all parts of one have to be at the same location, while other lines may take what is left anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from routing.decision import AssignedLine, Assignment, UnfilledLine
from routing.snapshot import Candidate, LineDemand, Part, RoutingRequest


@dataclass(slots=True)
class _Stock:
    """Units left at one location while lines are being given out, and what it has been given."""

    location_id: UUID
    left: dict[UUID, int]
    given: dict[UUID, int]

    def give(self, line: LineDemand, wanted: int) -> int:
        units = min(wanted, self.has(line))
        if units:
            for part in _parts(line):
                self.left[part.variant_id] -= units * part.quantity
            self.given[line.line_id] = self.given.get(line.line_id, 0) + units
        return units

    def has(self, line: LineDemand) -> int:
        return min(self.left[part.variant_id] // part.quantity for part in _parts(line))


def _parts(line: LineDemand) -> tuple[Part, ...]:
    return line.parts or (Part(line.variant_id, 1),)


def allocate(
    request: RoutingRequest, chosen: Sequence[Candidate]
) -> tuple[tuple[Assignment, ...], tuple[UnfilledLine, ...]]:
    """Give the order's lines to the chosen locations (best rank first); the rest comes back as unfilled."""
    lines = sorted(request.lines, key=lambda line: (not line.parts, line.line_id))
    variants = {part.variant_id for line in lines for part in _parts(line)}
    stocks = [_Stock(c.location_id, {variant: c.usable(variant) for variant in variants}, {}) for c in chosen]
    wanting = [line for line in lines if not _give_whole(line, stocks)]
    unfilled = [(line, _give_piecewise(line, stocks)) for line in wanting]
    return (
        tuple(_assignment(stock, lines) for stock in stocks if stock.given),
        tuple(UnfilledLine(line.line_id, line.variant_id, missing) for line, missing in unfilled if missing),
    )


def _give_whole(line: LineDemand, stocks: Sequence[_Stock]) -> bool:
    for stock in stocks:
        if stock.has(line) >= line.quantity:
            stock.give(line, line.quantity)
            return True
    return False


def _give_piecewise(line: LineDemand, stocks: Sequence[_Stock]) -> int:
    """Units that are missing after every location gave what it has."""
    missing = line.quantity
    for stock in stocks:
        missing -= stock.give(line, missing)
    return missing


def _assignment(stock: _Stock, lines: Sequence[LineDemand]) -> Assignment:
    return Assignment(
        stock.location_id,
        tuple(
            AssignedLine(line.line_id, line.variant_id, stock.given[line.line_id])
            for line in lines
            if line.line_id in stock.given
        ),
    )
