"""sigal: a gallery with the picture and its thumbnail as JPEG, both upright."""

import shutil

from checks import PHOTO, assert_alike, fresh
from PIL import Image
from sigal.gallery import Gallery
from sigal.settings import read_settings

folder = fresh("sigal")
for kind in ("inr", "png"):
    source, destination = folder / kind, folder / f"{kind}-out"
    (source / "album").mkdir(parents=True)
    shutil.copy(PHOTO.with_suffix(f".{kind}"), source / "album")
    settings = read_settings()
    settings.update(source=str(source), destination=str(destination), img_extensions=[".inr", ".png"])
    settings.update(img_format="JPEG", ncpu=1)
    Gallery(settings, ncpu=1, show_progress=False).build()
for name in ("album/photo.jpg", "album/thumbnails/photo.jpg"):
    assert_alike(folder / "inr-out" / name, folder / "png-out" / name)
with Image.open(folder / "inr-out" / "album" / "photo.jpg") as im:
    assert im.width < im.height, im.size
