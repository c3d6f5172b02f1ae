"""sorl-thumbnail: the Pillow engine accepts it, turns it upright, crops and scales it as it does a PNG file."""

import django
from checks import PHOTO, assert_alike
from django.conf import settings

settings.configure(INSTALLED_APPS=["sorl.thumbnail"], DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True)
django.setup()

from io import BytesIO

from sorl.thumbnail.engines.pil_engine import Engine

engine = Engine()
data = PHOTO.read_bytes()
assert engine.is_valid_image(data)
assert not engine.is_valid_image(data[: len(data) // 2])
options = {"orientation": True, "colorspace": "RGB", "crop": "center", "cropbox": None, "upscale": False}
options |= {"format": "JPEG", "quality": 90, "progressive": True, "padding": False, "rounded": None, "blur": None}
results = []
for path in (PHOTO, PHOTO.with_suffix(".png")):
    image = engine.get_image(BytesIO(path.read_bytes()))
    results.append(engine.create(image, (100, 100), options))
assert_alike(*results)
assert results[0].size == (100, 100)
