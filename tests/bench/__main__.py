"""`python -m tests.bench [NAME]`: run the benchmarks whose name contains NAME, one JSON object a line on stdout."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence

import structlog

from tests.bench import engine, importing
from tests.bench.figure import Figure, publish, tell
from tests.bench.measuring import BENCHMARKS, Options, measure
from tests.bench.running_hub import running_hub


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    # Standard output is for figures alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # So that a benchmark that is stopped stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = Options(tuple(asked.clients), asked.seconds, asked.warmup)
    chosen = [benchmark for benchmark in BENCHMARKS if asked.name in benchmark.name]
    imports = asked.name in importing.NAME
    at_engine = [name for name in engine.NAMES if asked.name in name]
    if not chosen and not imports and not at_engine:
        known = ", ".join([benchmark.name for benchmark in BENCHMARKS] + [*engine.NAMES, importing.NAME])
        raise SystemExit(f"no benchmark's name contains {asked.name!r}; there are {known}")
    broken = 0
    if chosen:
        with running_hub() as hub:
            for benchmark in chosen:
                broken += _publish_all(benchmark.name, measure(hub, benchmark, options))
    if at_engine:
        figures = engine.measure(at_engine, asked.variants, tuple(asked.clients), asked.seconds, asked.warmup)
        broken += _publish_all(engine.PREFIX, figures)
    if imports:
        broken += _publish_all(importing.NAME, importing.measure(asked.rows))
    raise SystemExit(1 if broken else 0)


def _publish_all(name: str, figures: Iterator[Figure]) -> bool:
    """Publish what can be measured; whether something broke. The other benchmarks go on."""
    tell(name)
    try:
        for figure in figures:
            publish(figure)
    except AssertionError as error:
        tell(f"  BROKEN: {error}")
        return True
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="part of a benchmark's name; all by default")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="clients in flight")
    parser.add_argument("--seconds", type=float, default=6.0, help="measured seconds a figure")
    parser.add_argument("--warmup", type=float, default=1.5, help="seconds before each measurement")
    parser.add_argument("--variants", type=int, default=engine.VARIANTS, help="variants of the engine's benchmarks")
    parser.add_argument("--rows", type=int, default=importing.ROWS, help="rows of the import")
    return parser


if __name__ == "__main__":
    main()
