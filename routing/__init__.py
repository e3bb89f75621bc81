"""The order-routing engine: pure functions over plain data."""
