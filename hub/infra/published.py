"""Where the published GraphQL documents lie, in a checkout and in an installed wheel alike."""

from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]


def operations_folder() -> Path:
    """The folder with `<client>/<Name>.graphql`.

    The wheel carries them inside the package `hub_graphql`; in a checkout they stand beside it, in the room `graphql`.
    """
    installed = _ROOT / "hub_graphql" / "operations"
    return installed if installed.is_dir() else _ROOT / "graphql" / "operations"
