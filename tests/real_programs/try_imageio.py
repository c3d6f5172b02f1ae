"""imageio: `imread` by name gives the pixels, `imwrite` makes a file."""

import imageio.v3 as iio
import numpy as np
from checks import FOLDER, PHOTO

inr, png = iio.imread(PHOTO, plugin="pillow"), iio.imread(PHOTO.with_suffix(".png"), plugin="pillow")
assert np.array_equal(inr, png)
assert np.array_equal(iio.imread(PHOTO), png)
iio.imwrite(FOLDER / "imageio.inr", png, plugin="pillow", effort=0, quality=90)
again = iio.imread(FOLDER / "imageio.inr", plugin="pillow")
assert np.abs(again.astype(int) - png).mean() < 4
