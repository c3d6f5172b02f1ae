"""Refining the latents of one picture by gradients."""
