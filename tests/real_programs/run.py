"""Try real programs that know nothing of `.inr`, in an environment where `inr enable` was run: a table in Markdown.

    make programs

Each try_*.py is one program: its docstring says what is done, its asserts what must come of it. One that leaves with a
text, `SystemExit("theirs: …")`, has found a limit of the program itself, and asserted that it is there.
"""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageCms

import pillow_inr

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "sample_images" / "coffee.webp"
PACKAGES = {
    "climage": "climage",
    "django": "Django",
    "easy_thumbnails": "easy-thumbnails",
    "fpdf2": "fpdf2",
    "imagehash": "ImageHash",
    "imageio": "imageio",
    "img2pdf": "img2pdf",
    "matplotlib": "matplotlib",
    "pilkit": "pilkit",
    "reportlab": "reportlab",
    "sigal": "sigal",
    "skimage": "scikit-image",
    "sorl": "sorl-thumbnail",
    "term_image": "term-image",
    "willow": "Willow",
}


def make_pictures(folder: Path) -> None:
    """A photograph that lies on its side, and one with alpha, as `.inr` and with the same pixels as `.png`."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    metadata: dict[str, Any] = {"exif": exif, "icc_profile": profile, "dpi": (150, 150)}
    with Image.open(SAMPLE) as im:
        photo = im.convert("RGB")
    photo.save(folder / "photo.inr", effort=0, **metadata)
    photo.putalpha(photo.convert("L"))
    photo.save(folder / "alpha.inr", effort=0)
    beside: dict[str, dict[str, Any]] = {"photo": metadata, "alpha": {}}
    for name, options in beside.items():
        with Image.open(folder / f"{name}.inr") as im:
            im.save(folder / f"{name}.png", **options)


def attempt(script: Path, folder: Path) -> tuple[str, bool]:
    """What came of one script, and whether that is what it expects."""
    # Not from here: the program must find the plugin by itself.
    command = [sys.executable, "-W", "ignore", str(script), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    if done.returncode == 0:
        return "yes", True
    if last.startswith("theirs: "):
        return f"no, {last}", True
    return f"**failed**: {last}", False


def main() -> int:
    """Print the table; 1 if anything is not as its script expects."""
    print("| program | version | what is done | works |\n|---|---|---|---|")
    as_expected = True
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(Path(folder))
        for script in sorted(HERE.glob("try_*.py")):
            package = PACKAGES[script.stem.removeprefix("try_")]
            name, _, done = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition(": ")
            outcome, expected = attempt(script, Path(folder))
            as_expected &= expected
            version = importlib.metadata.version(package)
            print(f"| {name} | {version} | {done.rstrip('.')} | {outcome} |", flush=True)
    print(f"\nPillow {importlib.metadata.version('pillow')}, pillow-inr {pillow_inr.__version__}.")
    return int(not as_expected)


if __name__ == "__main__":
    sys.exit(main())
