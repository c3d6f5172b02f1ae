"""Django: an ImageField accepts an upload, knows its size, type and extension, and refuses a damaged one."""

import django
from django.conf import settings

settings.configure(DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True, MEDIA_ROOT="")
django.setup()

from checks import PHOTO
from django.core.files.images import ImageFile, get_image_dimensions
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.validators import get_available_image_extensions
from django.forms import Form, ImageField


class Upload(Form):
    picture = ImageField()


def upload(data: bytes) -> Upload:
    return Upload(files={"picture": SimpleUploadedFile("photo.inr", data, content_type="application/octet-stream")})


data = PHOTO.read_bytes()
form = upload(data)
assert form.is_valid(), form.errors
picture = form.cleaned_data["picture"]
assert (picture.image.format, picture.image.size, picture.content_type) == ("INR", (600, 400), "image/x-inr")
with PHOTO.open("rb") as fp:
    assert get_image_dimensions(ImageFile(fp)) == (600, 400)
assert "inr" in get_available_image_extensions()
assert not upload(data[:-100] + bytes(100)).is_valid()
assert not upload(data[: len(data) // 2]).is_valid()
