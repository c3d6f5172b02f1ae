"""Fitting with torch: a siren's weights, a picture's latents, the networks that pictures share."""
