"""The page of docs/viewer in headless Chromium: files opened, shown, saved, refused."""

from __future__ import annotations

import io
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from PIL import Image
from viewer import PRIORS, ROOT, VIEWER

import pillow_inr

pillow_inr.register()
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
GOLDEN = ROOT / "tests" / "golden"
DECODE_ALL = """async (names) => {
    const { Decoder } = await import('/decoder/decode.js');
    const { crc32 } = await import('/decoder/container.js');
    const fetched = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
    const module = await WebAssembly.compile(await fetched('/inr.wasm'));
    const decoder = new Decoder(module, (number) => fetched(`/priors/${number}.npz`));
    const found = [];
    for (const name of names) {
        const { pixels } = await decoder.decode(await fetched(`/golden/${name}.inr`));
        found.push(crc32(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength)));
    }
    return found;
}"""


def test_what_the_page_is_made_of_is_there() -> None:
    html = (VIEWER / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="([\w./-]+)"', html)
    assert named == ["viewer.css", "viewer.js"]
    scripts = [VIEWER / "viewer.js", VIEWER / "worker.js", *(VIEWER / "decoder").glob("*.js")]
    for path in scripts:
        imported = re.findall(r"from '(\.[\w./-]+)'", path.read_text(encoding="utf-8"))
        named += [str((path.parent / name).resolve().relative_to(VIEWER)) for name in imported]
    assert not [name for name in named if not (VIEWER / name).is_file()]
    reached = set(named) | {"viewer.js", "worker.js"}
    assert {str(path.relative_to(VIEWER)) for path in scripts} <= reached
    assert "https://" not in html + "".join(path.read_text(encoding="utf-8") for path in scripts), (
        "nothing of other hosts"
    )


class Handler(SimpleHTTPRequestHandler):
    """The viewer's folder, in which `golden` is that of the tests, and priors are the package's."""

    def translate_path(self, path: str) -> str:
        for folder, real in (("/golden/", GOLDEN), ("/priors/", PRIORS)):
            if path.startswith(folder):
                return str(real / Path(path).name)
        return super().translate_path(path)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(VIEWER)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.html"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with served() as url, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.goto(url)
        yield page
        assert not page.errors
        browser.close()


def opened(page: Any, name: str, data: bytes) -> str:
    """The state that the page comes to, given a file."""
    page.set_input_files("#file", {"name": name, "mimeType": "image/x-inr", "buffer": data})
    page.wait_for_selector("body[data-state=done], body[data-state=error]", timeout=60_000)
    return str(page.evaluate("document.body.dataset.state"))


@pytest.mark.slow
def test_the_golden_files_to_the_bit_in_a_browser(page: Any) -> None:
    paths = sorted(GOLDEN.glob("*.inr"))
    found = page.evaluate(DECODE_ALL, [path.stem for path in paths])
    assert found == [crc32(np.load(path.with_suffix(".npy")).tobytes()) for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["latent_rgb", "latent_rgba_16_bits", "grey_16_bits", "exact_mixed_palette", "latent_palette_alpha", "one_bit",
     "exact_grey_alpha", "beside_alpha", "latent_deepest"],
)  # fmt: skip
def test_a_picture_is_shown_and_saved_as_a_png_of_the_same_pixels(page: Any, name: str) -> None:
    data = (GOLDEN / f"{name}.inr").read_bytes()
    assert opened(page, f"{name}.inr", data) == "done"
    with Image.open(io.BytesIO(data)) as expected, page.expect_download() as download:
        assert page.evaluate("[canvas.width, canvas.height]") == list(expected.size)
        assert f"{expected.width} × {expected.height} pixels" in page.inner_text("footer")
        page.click("#save")
        assert download.value.suggested_filename == f"{name}.png"
        saved = Path(download.value.path()).read_bytes()
        with Image.open(io.BytesIO(saved)) as png:
            png.load()
            pixels = np.load(GOLDEN / f"{name}.npy")
            if pixels.dtype == np.uint16 and pixels.ndim == 3:  # Pillow reads 8 bits of them
                assert (np.asarray(png) == pixels >> 8).all()
            else:
                assert (np.asarray(png).astype(pixels.dtype) * (255 if png.mode == "1" else 1) == pixels).all()
            shown = np.array(page.evaluate(SHOWN), np.uint8).reshape(expected.height, expected.width, 4)
            if expected.mode in ("L", "RGB", "P", "1"):
                assert (shown == np.asarray(expected.convert("RGBA"))).all() or expected.mode == "P"


SHOWN = "Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"


@pytest.mark.slow
def test_a_picture_is_shown_as_its_exif_says(page: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (0, 0, 20, 20))
    data = io.BytesIO()
    picture.save(data, "INR", lossless=True, exif=exif)
    assert opened(page, "turned.inr", data.getvalue()) == "done"
    assert page.evaluate("[canvas.width, canvas.height]") == [20, 40]
    shown = np.array(page.evaluate(SHOWN), np.uint8).reshape(40, 20, 4)
    assert (shown[:20] == [0, 0, 255, 255]).all()
    assert (shown[20:] == [255, 0, 0, 255]).all()


@pytest.mark.slow
def test_what_is_no_picture_is_told_in_a_sentence_and_the_page_goes_on(page: Any) -> None:
    good = (GOLDEN / "latent_rgb.inr").read_bytes()
    for data in (b"", b"GIF89a", good[:-1], good[:200] + b"\0" + good[201:]):
        assert opened(page, "bad.inr", data) == "error"
        message = page.inner_text("#message")
        assert re.fullmatch(r"This file cannot be read: .+\.", message), message
        assert page.is_hidden("#canvas")
    assert opened(page, "good.inr", good) == "done"
    assert page.inner_text("#message") == ""
    assert page.is_visible("#canvas")


@pytest.mark.slow
def test_dropped_files_are_opened(page: Any) -> None:
    data = json.dumps(list((GOLDEN / "exact_rgb.inr").read_bytes()))
    page.evaluate(
        f"""() => {{
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array({data})], 'dropped.inr'));
            document.body.dispatchEvent(new DragEvent('drop', {{ dataTransfer: transfer, bubbles: true }}));
        }}"""
    )
    page.wait_for_selector("body[data-state=done]", timeout=60_000)
    assert page.inner_text("#name") == "dropped.inr"
