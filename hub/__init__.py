"""The unified commerce hub: catalog, stock, orders, customers and points across every channel."""
