"""scikit-image: `imread` by name gives the pixels."""

import numpy as np
from checks import PHOTO
from skimage.io import imread

assert np.array_equal(imread(PHOTO), imread(PHOTO.with_suffix(".png")))
