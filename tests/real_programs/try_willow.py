"""Willow (behind Wagtail): opens a file and scales it."""

from checks import PHOTO
from django.conf import settings

settings.configure(WILLOW_OPTIMIZERS=False)  # it asks Django where there is one

from willow.image import Image, UnrecognisedImageFormatError
from willow.plugins.pillow import PillowImage

try:
    with PHOTO.open("rb") as fp:
        Image.open(fp)
except UnrecognisedImageFormatError:
    pass
else:
    raise AssertionError("Willow knows it now: change this script")

import PIL.Image

image = PillowImage(PIL.Image.open(PHOTO))
assert image.auto_orient().resize((40, 60)).get_size() == (40, 60)
raise SystemExit(
    "theirs: its types are a fixed list, and it asks the package `filetype`, not Pillow; it scales what Pillow opened"
)
