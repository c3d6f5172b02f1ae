"""term-image: a terminal viewer draws a file, as Unicode blocks in 24-bit colour, as it does a PNG file."""

from checks import ALPHA, PHOTO
from term_image.image import BlockImage

for source in (PHOTO, ALPHA):
    drawn = []
    for path in (source, source.with_suffix(".png")):
        image = BlockImage.from_file(path, width=40)
        drawn.append(str(image))
        assert image.original_size == (600, 400)
    inr, png = drawn
    assert inr.count("\n") > 5
    assert inr.count("\033[") > 100
    assert inr == png
