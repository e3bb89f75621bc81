"""Readers of the file formats that retailers already have. Pure: bytes in, records and problems out."""
