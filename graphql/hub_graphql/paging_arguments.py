"""The four Relay arguments, described once."""

from typing import Annotated

import strawberry

First = Annotated[int | None, strawberry.argument(description="Items wanted from the start or `after`, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor of the same query.")]
Last = Annotated[int | None, strawberry.argument(description="Items wanted from the end or `before`, 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor of the same query.")]
