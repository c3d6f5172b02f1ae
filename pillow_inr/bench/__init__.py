"""Measurements behind the figures we state; `inr bench --help` lists them. They measure what a user gets."""
