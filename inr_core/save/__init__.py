"""Pixels to bytes of a file: what a save of each model does, and the search for a size or a PSNR."""
