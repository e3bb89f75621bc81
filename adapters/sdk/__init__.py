"""The contract between the hub and a channel system: capabilities, normalised types, transport and errors."""
