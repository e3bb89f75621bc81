"""The words everybody shares: money, quantities, skus, ids, time and the kinds of error."""
