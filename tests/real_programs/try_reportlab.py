"""ReportLab: a picture drawn into a page, by name, with the pixels of the file."""

import io

import pikepdf
from checks import ALPHA, PHOTO, assert_alike
from reportlab.pdfgen.canvas import Canvas

out = io.BytesIO()
canvas = Canvas(out)
canvas.drawImage(str(PHOTO), 50, 500, width=300, height=200)
canvas.drawImage(str(ALPHA), 50, 200, width=300, height=200, mask="auto")
canvas.save()
with pikepdf.open(out) as pdf:
    images = [pikepdf.PdfImage(image) for image in pdf.pages[0].images.values()]
    photo = next(im for im in images if "/SMask" not in im.obj)
    assert len(images) == 2
    assert_alike(photo.as_pil_image().convert("RGB"), PHOTO.with_suffix(".png"), limit=0.001)
