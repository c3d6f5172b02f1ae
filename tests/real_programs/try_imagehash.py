"""ImageHash: the perceptual hashes of a file are those of a PNG file of its pixels."""

import imagehash
from checks import PHOTO
from PIL import Image

for hashed in (imagehash.average_hash, imagehash.phash, imagehash.dhash, imagehash.whash, imagehash.colorhash):
    with Image.open(PHOTO) as inr, Image.open(PHOTO.with_suffix(".png")) as png:
        assert hashed(inr) - hashed(png) == 0, hashed
