"""Products, variants, prices, barcodes, categories and how each channel lists them."""
