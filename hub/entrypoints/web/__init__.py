"""The hub over HTTP: who is asking, how errors are told, the REST routes."""
