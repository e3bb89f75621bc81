"""Rules of the house that a look at the sources can decide."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("hub", "adapters", "routing", "graphql")
TOP_LEVEL = {"pyproject.toml", "README.md", "hub", "adapters", "graphql", "routing", "tests", "deploy", "docs"}
ALSO_ALLOWED = {"Makefile", "LICENSE"}
COMMITS_HERE = {Path("hub/infra/database.py"), Path("hub/infra/schema.py")}
"""Sessions, and migrations on their own connection. A savepoint may end anywhere: it commits nothing."""
ENDS_TRANSACTIONS = {"commit", "rollback"}
SESSION_WORDS = ("session", "connection", "driver")


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Each call of an attribute, as (call, what it is called on, its name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, ast.unparse(node.func.value), node.func.attr


def test_nobody_but_the_database_module_ends_a_transaction() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call.func)}"
        for path in modules()
        if path.relative_to(ROOT) not in COMMITS_HERE
        for call, owner, name in calls(ast.parse(path.read_text(encoding="utf-8")))
        if name in ENDS_TRANSACTIONS and owner != "savepoint"
    ]
    assert found == []


def names_a_session(call: ast.Call) -> bool:
    words = {node.id.lower() for node in ast.walk(call) if isinstance(node, ast.Name)}
    words |= {node.attr.lower() for node in ast.walk(call) if isinstance(node, ast.Attribute)}
    return any(word in name for name in words for word in SESSION_WORDS)


def test_nothing_is_gathered_over_a_session() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in modules()
        for call, owner, name in calls(ast.parse(path.read_text(encoding="utf-8")))
        if (owner, name) == ("asyncio", "gather") and names_a_session(call)
    ]
    assert found == [], "one session runs one statement at a time: await them one after another"


@pytest.mark.parametrize(
    "source", ["asyncio.gather(a(session), b(session))", "asyncio.gather(*(f(self.session) for f in x))"]
)
def test_the_gather_rule_sees_a_session(source: str) -> None:
    [(call, _, _)] = [found for found in calls(ast.parse(source)) if found[2] == "gather"]
    assert names_a_session(call)


def test_the_top_level_is_the_agreed_one() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if tracked.returncode:
        names = {path.name for path in ROOT.iterdir()}
    else:
        names = {name.split("/", 1)[0] for name in tracked.stdout.decode().split("\0") if name}
    visible = {name for name in names if not name.startswith(".") and not name.endswith(".egg-info")}
    assert visible - ALSO_ALLOWED == TOP_LEVEL


def test_the_folder_graphql_is_no_package() -> None:
    """As a package it would shadow graphql-core for everything that runs at the root."""
    assert [path.name for path in (ROOT / "graphql").glob("*.py")] == []
    assert (ROOT / "graphql" / "hub_graphql" / "__init__.py").is_file()


def test_graphql_core_is_what_programs_at_the_root_import() -> None:
    program = "import strawberry, graphql; print(graphql.__file__); graphql.parse('{ a }')"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert not Path(run.stdout.strip()).is_relative_to(ROOT / "graphql")


def test_tests_are_no_packages_and_none_is_named_graphql() -> None:
    assert [str(path) for path in (ROOT / "tests").rglob("__init__.py")] == []
    assert not (ROOT / "tests" / "graphql").exists()
