"""easy-thumbnails: a thumbnail of a photograph, upright, and one with alpha; both as of a PNG file."""

import django
from checks import ALPHA, PHOTO, assert_alike, fresh
from django.conf import settings

folder = fresh("easy_thumbnails")
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "easy_thumbnails"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MEDIA_ROOT=str(folder),
    MEDIA_URL="/media/",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from easy_thumbnails.files import get_thumbnailer
from PIL import Image

call_command("migrate", verbosity=0)
for source in (PHOTO, ALPHA):
    made = {}
    for path in (source, source.with_suffix(".png")):
        with path.open("rb") as fp:
            made[path] = get_thumbnailer(fp, relative_name=path.name).get_thumbnail({"size": (120, 120), "quality": 95})
    inr, png = (folder / file.name for file in made.values())
    assert_alike(inr, png)
    assert Image.open(inr).size == ((80, 120) if source == PHOTO else (120, 80)), Image.open(inr).size
