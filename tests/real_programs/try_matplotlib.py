"""matplotlib: `imread` by name gives the pixels."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
from checks import PHOTO
from matplotlib import pyplot

inr, png = pyplot.imread(PHOTO), pyplot.imread(PHOTO.with_suffix(".png"))
assert inr.dtype == np.uint8
assert np.array_equal(inr, np.rint(255 * png))  # of PNG files alone it makes floats
