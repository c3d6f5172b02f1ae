"""A small file of each model with a network."""

from __future__ import annotations

import numpy as np
from networks import header_of, make_file
from toy_prior import smooth_picture

from inr_core import Settings, encode

SIREN = make_file(header_of("RGB", width=90, height=70, hidden=24))


LATENT = encode(smooth_picture(np.random.default_rng(1), 70, 90, 3), Settings(effort=0, threads=1))
