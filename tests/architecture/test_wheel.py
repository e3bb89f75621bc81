"""What is installed must work without the checkout that it was built from."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "graphql" / "operations"
ROOMS = {"hub", "adapters", "routing", "hub_graphql"}


def built(folder: Path, version: str) -> Path:
    [path] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=[version])
    return Path(path)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"), "standard")


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path) -> None:
    assert {name.split("/", 1)[0] for name in names(wheel)} == ROOMS
    assert {"hub/console/static/board.js", "hub/infra/migrations/env.py"} <= names(wheel)


def test_the_wheel_carries_every_published_document(wheel: Path) -> None:
    expected = {f"hub_graphql/operations/{path.relative_to(OPERATIONS)}" for path in OPERATIONS.glob("*/*.graphql")}
    assert expected
    assert {name for name in names(wheel) if name.endswith(".graphql")} == expected


def test_an_installed_hub_knows_the_same_documents_as_a_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "from hub.infra.published import operations_folder as folder\n"
        "from hub.console.documents import document_hashes\n"
        "from hub_graphql.documents import TrustedDocuments\n"
        "print(folder()); print(len(TrustedDocuments.load(folder()))); print(*sorted(document_hashes()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    where, count, console = run.stdout.splitlines()
    assert Path(where) == tmp_path / "hub_graphql" / "operations"
    assert int(count) == len(list(OPERATIONS.glob("*/*.graphql")))
    assert console.split() == sorted(path.stem for path in (OPERATIONS / "console").glob("*.graphql"))


def test_an_editable_install_keeps_no_copy_of_anything(tmp_path: Path) -> None:
    [pointer] = names(built(tmp_path, "editable"))
    assert pointer.endswith(".pth")
