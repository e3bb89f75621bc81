"""One running hub for all contract tests of a run: they only ask whether its answers keep to its schemas."""

from collections.abc import Iterator

import pytest

from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.running_hub import RunningHub, running_hub


@pytest.fixture(scope="package")
def hub(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHub]:
    with running_hub(postgres, valkey, tmp_path_factory.mktemp("hub")) as running:
        yield running
