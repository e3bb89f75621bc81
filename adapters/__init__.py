"""Channel systems the hub can talk to: one folder each, all behind the contract in `adapters.sdk`."""
