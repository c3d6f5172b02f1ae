"""The `inr` command."""
