"""img2pdf: a page with the picture, without loss."""

import io

import img2pdf
import pikepdf
from checks import PHOTO, assert_alike

data = img2pdf.convert(str(PHOTO))
assert data.startswith(b"%PDF")

with pikepdf.open(io.BytesIO(data)) as pdf:
    (page,) = pdf.pages
    (image,) = page.images.values()
    assert (int(image.Width), int(image.Height)) == (600, 400)
    im = pikepdf.PdfImage(image).as_pil_image()
assert_alike(im.convert("RGB"), PHOTO.with_suffix(".png"), limit=0.001)
