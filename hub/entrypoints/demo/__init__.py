"""The demonstration: a believable retailer, its files, its shop, its tills and its channels."""
