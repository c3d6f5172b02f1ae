"""Fitting networks to pictures. This is the only package that imports torch."""
