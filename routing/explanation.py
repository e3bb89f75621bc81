"""A decision in words: one sentence per location, and one per line that nobody covers."""

from routing.decision import RoutingDecision


def explain(decision: RoutingDecision) -> list[str]:
    """English sentences, chosen locations first."""
    located = [f"{verdict.name} — {verdict.explanation}" for verdict in decision.candidates]
    missing = [
        f"Line {line.line_id} — Unfilled: no eligible location has {line.quantity} more of {line.variant_id}."
        for line in decision.unfilled
    ]
    return located + missing
