"""The shape of the code: a room imports from rooms to its left only, torch where it belongs, Pillow not in the core.

A room is a folder of `inr_core`, or a file beside them. `ROOMS` says their order, from the ground up; rooms of one row
never import from each other. CONTRIBUTING.md draws it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import inr_core
from inr_core.models import MODELS, ExactShape, LatentShape, Model, SirenShape
from inr_core.picture import Picture
from inr_core.save.job import Job
from inr_core.settings import Settings

ROOT = Path(__file__).parents[2]
ROOMS = (
    ("errors",),
    ("process", "limits"),
    ("modes", "metrics", "models"),
    ("settings",),
    ("kernels", "container"),
    ("stretch",),
    ("pixels",),
    ("fileinfo",),
    ("picture",),
    ("entropy",),
    ("exact",),
    ("siren", "latent"),
    ("decoder",),
    ("fit",),
    ("save",),
    ("encoder",),
)
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
FILES = sorted((ROOT / "inr_core").rglob("*.py"))
TORCH_FILES = {"on_torch.py", "torch_settings.py"}  # import it at once, and are imported when it is wanted


def name_of(path: Path) -> str:
    """Dotted, without `inr_core.`; a package by its own name."""
    parts = path.relative_to(ROOT / "inr_core").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in FILES}


def imports(path: Path, *, lazily: bool = True) -> Iterator[str]:
    """Absolute dotted names of what a file imports; `lazily`: also inside functions and for typing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree) if lazily else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner.removeprefix("inr_core.") in NAMES else module


def own(path: Path) -> set[str]:
    """Modules of the core that a file imports, without `inr_core.`."""
    return {name.removeprefix("inr_core.") for name in imports(path) if name.startswith("inr_core.")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_from_rooms_to_its_left(path: Path) -> None:
    room = name_of(path).split(".")[0]
    if not room:  # the package itself exports everything
        return
    for module in own(path):
        other = module.split(".")[0]
        assert other == room or RANK[other] < RANK[room], f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_a_row_names_the_classes_of_a_model(model: Model) -> None:
    picture, job = model.load("picture"), model.load("job")
    assert issubclass(picture, Picture)
    assert issubclass(job, Job)
    assert job.lossless == model.lossless
    assert getattr(inr_core, model.parameters.__name__) is model.parameters  # `Header.parameters` is public
    assert set(model.options) <= set(Settings.__dataclass_fields__)


def test_nothing_but_a_row_asks_which_model_it_is() -> None:
    classes = {cls.__name__ for cls in (SirenShape, LatentShape, ExactShape)}
    for path in (*FILES, *(ROOT / "pillow_inr").glob("*.py"), *(ROOT / "pillow_inr" / "command").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                compared = {getattr(part, "value", None) for part in ast.walk(node) if isinstance(part, ast.Constant)}
                assert not compared & set(MODELS), (name_of(path), ast.unparse(node))
            branch = node.test if isinstance(node, (ast.If, ast.IfExp)) else None
            assert not branch or not classes & {getattr(part, "id", "") for part in ast.walk(branch)}, ast.unparse(node)


def test_no_circles_inside_a_room() -> None:
    graph = {name_of(path): own(path) for path in FILES if name_of(path)}
    assert list(TopologicalSorter(graph).static_order())  # CycleError otherwise


def test_torch_is_imported_where_something_is_trained_or_runs_on_a_device_only() -> None:
    for path in FILES:
        room = name_of(path).split(".")[0]
        at_once = any(name.split(".")[0] == "torch" for name in imports(path, lazily=False))
        anywhere = any(name.split(".")[0] == "torch" for name in imports(path))
        assert not at_once or room == "fit" or path.name in TORCH_FILES, name_of(path)
        assert not anywhere or room in ("fit", "save") or path.name in TORCH_FILES, name_of(path)


def test_the_core_knows_nothing_of_pillow_nor_of_what_is_built_on_it() -> None:
    for path in FILES:
        found = {name.split(".")[0] for name in imports(path)} & {"PIL", "pillow_inr", "study", "training"}
        assert not found, (name_of(path), found)


def test_the_plugin_uses_only_what_the_core_exports() -> None:
    for path in (ROOT / "pillow_inr").rglob("*.py"):
        if "bench" in path.parts:  # measures what is inside
            continue
        inner = {name for name in imports(path) if name.startswith("inr_core.")}
        assert not inner, (path.name, inner)


def test_no_file_is_longer_than_one_sitting() -> None:
    assert not {name_of(path) for path in FILES if lines(path) > 300}


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")
