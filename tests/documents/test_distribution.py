"""What is published is whole: the source distribution, the wheel, and a zip file that Python runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipapp
import zipfile
from pathlib import Path

import pytest

import pillow_inr

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2]))
"""
MAIN = """
import io
from PIL import Image
import pillow_inr
data = io.BytesIO()
Image.new("RGB", (32, 32), "red").save(data, "INR", effort=0)
Image.open(data).load()
from inr_core.latent.prior import known_ids
print(known_ids())
"""


def packages(root: Path) -> set[str]:
    """What of the packages has to be installed: not what the compiled library is made of, nor the library."""
    found = (path for package in ("inr_core", "pillow_inr") for path in (root / package).rglob("*"))
    return {
        str(path.relative_to(root))
        for path in found
        if path.is_file() and path.suffix not in (".pyc", ".c", ".h", ".so")
    }


def ours() -> set[str]:
    """Every file of the project: those under version control or, in a source distribution, all that came with it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    made = ("PKG-INFO", "setup.cfg")
    left_out = ("__pycache__", ".venv", "build", "dist", ".pytest_cache", ".mypy_cache", ".ruff_cache")
    return {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if path.is_file() and path.name not in made
        and not any(part in left_out or part.endswith(".egg-info") for part in path.relative_to(ROOT).parts)
    }  # fmt: skip


def built(kind: str, folder: Path, target: Path) -> Path:
    """The distribution that setuptools makes of a source tree, without a compiler: it would take most of the time."""
    command = [sys.executable, "-c", BUILD, kind, str(target)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "CC": "false"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


def test_distributions_are_whole(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    for name in (files := ours()):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    with tarfile.open(built("sdist", source, tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("pillow_inr-*/")
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert sorted(files - there - {".gitignore"}) == []
    assert links((unpacked / "PKG-INFO").read_text(encoding="utf-8")) == []  # no home is known, so to nowhere
    with (unpacked / "pyproject.toml").open("a", encoding="utf-8") as fp:
        fp.write('[project.urls]\nSource = "https://x.org/us/inr"\n')
    with zipfile.ZipFile(built("wheel", unpacked, tmp_path)) as wheel:
        assert sorted(packages(source) - set(wheel.namelist())) == []
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        led = links(wheel.read(name).decode())
    version = f"v{pillow_inr.__version__}"
    assert f"https://x.org/us/inr/raw/{version}/docs/demo.webp" in led
    assert f"https://x.org/us/inr/blob/{version}/docs/start.md#install" in led
    assert all(link.startswith("https://x.org/us/inr/") for link in led)


def links(description: str) -> list[str]:
    """Those into the repository: relative ones, and once its address is known those to it."""
    found = re.findall(r"\]\(([^)\s]*)\)", description.partition("\n\n")[2])
    return [link for link in found if not link.startswith("https:") or "x.org" in link]


def test_a_zip_file_runs(tmp_path: Path) -> None:
    for name in packages(ROOT):
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "app" / name)
    (tmp_path / "app" / "__main__.py").write_text(MAIN, encoding="utf-8")
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    shutil.rmtree(tmp_path / "app")
    done = subprocess.run([sys.executable, "-P", tmp_path / "app.pyz"], cwd=tmp_path, capture_output=True, check=False)
    priors = sorted(int(path.stem) for path in (ROOT / "inr_core" / "latent" / "priors").glob("*.npz"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{priors}\n".encode(), b"")
