"""Measurements behind the figures we state; `python -m inr_core.bench --help` lists them.

Unlike the rest of `inr_core`, this package knows Pillow and its plugin: it measures what a user gets.
"""
