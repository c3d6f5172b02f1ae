"""fpdf2: a picture on a page, by name, with the pixels of the file."""

import io

import pikepdf
from checks import PHOTO, assert_alike
from fpdf import FPDF

pdf = FPDF()
pdf.add_page()
pdf.image(str(PHOTO), w=100)
with pikepdf.open(io.BytesIO(bytes(pdf.output()))) as made:
    (image,) = made.pages[0].images.values()
    assert_alike(pikepdf.PdfImage(image).as_pil_image().convert("RGB"), PHOTO.with_suffix(".png"), limit=0.001)
