"""The examples in Python of README and of the pages in docs/ run, page by page, as somebody would who copies them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import inr_core
import pillow_inr
from inr_core.latent import plan

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SIZE = (40, 32)
NEEDS = {"django.md": ["django"], "web.md": ["flask"], "cluster.md": ["dask", "distributed"]}  # beside our own


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


WITH_BLOCKS = [page for page in PAGES if blocks(page)]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much effort is made is tested elsewhere."""
    monkeypatch.setattr(plan, "REFINEMENTS", (0, *[1] * 9))


@pytest.fixture(name="folder")
def folder_with_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examples run: with the files that they open."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    waves = [127 + 60 * np.sin(x / (7 + c)) * np.cos(y / (9 - c)) for c in range(3)]
    photo = Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))
    photo.save(tmp_path / "photo.png")
    pillow_inr.save(photo, tmp_path / "photo.inr", effort=0)
    page = Image.new("L", SIZE, 255)
    ImageDraw.Draw(page).text((4, 20), "as it was", 0)
    page.save(tmp_path / "page.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(page: Path) -> dict[str, Any]:
    """The names that a page's examples leave behind."""
    for name in NEEDS.get(page.name, []):
        pytest.importorskip(name)
    if page.name != "thumbnails.md":  # the others save
        pytest.importorskip("torch")
    names: dict[str, Any] = {"__name__": "example"}
    for k, block in enumerate(blocks(page), 1):
        exec(compile(block, f"{page.name}, block {k}", "exec"), names)
    return names


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.name)
@pytest.mark.usefixtures("folder")
def test_the_examples_of_a_page_run(page: Path) -> None:
    ran(page)


def test_the_pages_that_show_code() -> None:
    """So that the test above cannot become empty."""
    assert {"README.md", "start.md", "options.md", "thumbnails.md", "web.md", "django.md", "batch.md"} <= {
        page.name for page in WITH_BLOCKS
    }


@pytest.mark.parametrize("shape", [(1, 1), (1, 7, 3), (20, 3, 2), (9, 12, 4)])
def test_the_example_of_the_core(shape: tuple[int, ...]) -> None:
    """Whatever the picture."""
    (example,) = (block for block in blocks(ROOT / "docs" / "options.md") if "import inr_core" in block)
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    names: dict[str, Any] = {}
    exec(example.replace("np.asarray(im)", "im"), names | {"im": array}, names)
    assert inr_core.decode(names["data"]).shape == array.shape


@pytest.mark.usefixtures("folder")
def test_the_web_app_sends_a_small_webp_and_nothing_else() -> None:
    names = ran(ROOT / "docs" / "guides" / "web.md")
    client = names["app"].test_client()
    answer = client.get("/pictures/photo.inr/320")
    assert (answer.status_code, answer.mimetype, answer.data[8:12]) == (200, "image/webp", b"WEBP")
    for wrong in ("photo.inr/321", "none.inr/320", "../photo.inr/320", "..%2fphoto.inr/320"):
        assert client.get(f"/pictures/{wrong}").status_code == 404


def test_the_django_field_keeps_inr(folder: Path) -> None:
    django = pytest.importorskip("django")
    settings = pytest.importorskip("django.conf").settings
    sent_as = pytest.importorskip("django.core.files.uploadedfile").SimpleUploadedFile
    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    form = ran(ROOT / "docs" / "guides" / "django.md")["PictureForm"]
    for name in ("photo.png", "photo.inr"):
        sent = form(files={"picture": sent_as(name, (folder / name).read_bytes())})
        assert sent.is_valid(), sent.errors
        kept = sent.cleaned_data["picture"]
        kept.seek(0)
        with Image.open(kept) as im:
            assert (kept.name, im.format, im.size) == ("photo.inr", "INR", SIZE)
    assert not form(files={"picture": sent_as("no.png", b"no picture")}).is_valid()
    assert not form(files={}).is_valid()


def script(page: str, folder: Path) -> Path:
    """The example of a page that is a program of its own, as a file."""
    (block,) = (block for block in blocks(ROOT / "docs" / "guides" / page) if "__main__" in block)
    path = folder / "program.py"
    path.write_text(block, encoding="utf-8")
    return path


@pytest.mark.slow
def test_several_pictures_at_a_time_are_made(folder: Path) -> None:
    pytest.importorskip("torch")
    (folder / "photo.inr").unlink()
    command = [sys.executable, str(script("batch.md", folder))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    size = sum((folder / name).stat().st_size for name in ("photo.inr", "page.inr"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{size} bytes\n", "")


@pytest.mark.slow
def test_a_cluster_of_two_workers_goes_on_where_it_was_stopped(folder: Path) -> None:
    pytest.importorskip("torch")
    distributed = pytest.importorskip("distributed")
    (folder / "below").mkdir()
    (folder / "photo.png").rename(folder / "below" / "photo.png")
    (folder / "broken.png").write_bytes(b"no picture")
    program = script("cluster.md", folder)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster:

        def run() -> tuple[int, list[str]]:
            command = [sys.executable, str(program), cluster.scheduler_address, str(folder), "out"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            return done.returncode, sorted(done.stdout.splitlines())

        code, lines = run()
        made = [folder / "out" / "below" / "photo.inr", folder / "out" / "page.inr"]
        assert (code, [path.is_file() for path in made], len(lines)) == (1, [True, True], 3), lines
        assert "broken.png" in "".join(lines)
        assert not (folder / "out" / "broken.inr").exists()
        made[1].unlink()
        (folder / "broken.png").unlink()
        before = made[0].stat().st_mtime_ns
        assert (run()[0], made[1].is_file(), made[0].stat().st_mtime_ns) == (0, True, before)


NOTEBOOK = ROOT / "docs" / "guides" / "notebook.ipynb"


def test_the_cells_of_the_notebook_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Jupyter: what they show is counted."""
    pytest.importorskip("torch")
    shown: list[bytes] = []
    display = ModuleType("IPython.display")
    display.__dict__.update(Image=lambda data, **_: shown.append(data), clear_output=lambda wait: None)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert len(shown) == 4
    assert all(data.startswith(b"\xff\xd8") for data in shown)


@pytest.mark.slow
def test_the_notebook_runs_in_jupyter() -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, 4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    shown = [list(output.get("data", ())) for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/jpeg" in kinds for kinds in shown) == 4
