"""Symbols as bits: the range coder and the densities it codes by."""
