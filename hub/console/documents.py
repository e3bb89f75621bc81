"""What the pages send to the GraphQL API: the published documents of `graphql/operations/console`, by their hash.

A page names a document by its SHA-256 and sends no text, so it works with a credential that is restricted to
trusted documents, and nothing that runs in the browser can ask for anything else.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final

from hub.infra.published import operations_folder

OPERATIONS: Final = operations_folder() / "console"


@cache
def document_hashes() -> Mapping[str, str]:
    """The SHA-256 of each document's file by its name. Read once: documents come with the code."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(OPERATIONS.glob("*.graphql"))}
