"""climage: a terminal viewer draws a file in 24-bit colour, as it does a PNG file."""

import climage
from checks import PHOTO

inr, png = (
    climage.convert(str(path), is_truecolor=True, is_256color=False, is_unicode=True, width=40)
    for path in (PHOTO, PHOTO.with_suffix(".png"))
)
assert inr.count("\033[") > 100
assert inr == png
