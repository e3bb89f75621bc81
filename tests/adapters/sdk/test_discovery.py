from importlib.metadata import EntryPoint

import pytest

from adapters.sdk import discovery


def test_installed_systems_are_listed_without_loading_them() -> None:
    assert {"memory", "woocommerce"} <= set(discovery.systems())


def test_an_unknown_system_is_refused_with_the_known_ones() -> None:
    with pytest.raises(discovery.UnknownSystemError, match="woocommerce") as caught:
        discovery.adapter("teleshop")
    assert caught.value.path == ("system",)


def test_an_adapter_is_loaded_once() -> None:
    assert discovery.adapter("memory") is discovery.adapter("memory")
    assert discovery.adapter("memory").system == "memory"


@pytest.mark.parametrize("value", ["adapters.nowhere:ADAPTER", "adapters.sdk.memory:NOTHING", "adapters.sdk:__doc__"])
def test_an_adapter_that_does_not_load_is_named(value: str) -> None:
    with pytest.raises(discovery.BrokenAdapterError, match="memory"):
        discovery._load(EntryPoint("memory", value, discovery.GROUP))
