"""pilkit (behind django-imagekit): upright, resized to fit, saved as JPEG with the format of the source known."""

import io

from checks import PHOTO, assert_alike
from PIL import Image
from pilkit.processors import ResizeToFit, Transpose
from pilkit.utils import extension_to_format, format_to_extension, format_to_mimetype, save_image

assert extension_to_format(".inr") == "INR"
assert format_to_extension("INR") == ".inr"
assert format_to_mimetype("INR") is None  # Python's mimetypes, which it asks, has a list of its own
results = []
for path in (PHOTO, PHOTO.with_suffix(".png")):
    with Image.open(path) as im:
        small = ResizeToFit(150, 150).process(Transpose(Transpose.AUTO).process(im))
    results.append(save_image(small, io.BytesIO(), "JPEG").getvalue())
assert_alike(*results)
with Image.open(io.BytesIO(results[0])) as im:
    assert im.size == (100, 150), im.size
