"""What an import says when it is done."""

from dataclasses import dataclass, field

from hub.catalog.importers.records import RowProblem
from hub.catalog.rules import Plan, Tally

MAX_REPORTED_PROBLEMS = 1_000


@dataclass(slots=True)
class ImportReport:
    """What became of a file. Every data row is in `rows`; it came in, or is counted in `rejected`.

    `queued` of the rejected rows wait in the mapping queue. `problems` holds the first thousand of
    `problem_count`. Counts are the same for a dry run.
    """

    rows: int = 0
    rejected: int = 0
    queued: int = 0
    problem_count: int = 0
    products: Tally = field(default_factory=Tally)
    variants: Tally = field(default_factory=Tally)
    problems: list[RowProblem] = field(default_factory=list)
    dry_run: bool = False

    @property
    def created(self) -> int:
        return self.products.created + self.variants.created

    @property
    def updated(self) -> int:
        return self.products.updated + self.variants.updated

    @property
    def unchanged(self) -> int:
        return self.products.unchanged + self.variants.unchanged

    def add_problem(self, problem: RowProblem) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_REPORTED_PROBLEMS:
            self.problems.append(problem)

    def add_plan(self, plan: Plan) -> None:
        self.products.add(plan.products)
        self.variants.add(plan.variants)
        self.rejected += plan.rejected_rows
        self.queued += len(plan.questions)
        for problem in plan.problems:
            self.add_problem(problem)

    def counts(self) -> dict[str, int]:
        names = ("rows", "rejected", "queued", "problem_count", "created", "updated", "unchanged")
        return {name: getattr(self, name) for name in names}
