"""The shape of the code: a file imports only from files above it in this list, and torch only where it belongs."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ROOT / "inr_core"
ORDER = [
    *("errors", "interrupts", "modes", "settings", "ranges", "header", "metadata", "container", "arrival"),
    *("kernels.switch", "held", "threads", "own_thread", "torch_settings"),
    *("stretch", "pixels", "fixedpoint", "network", "network_torch"),
    *("fields", "rangecoder", "weights", "streams"),
    *("symboltables", "symbols", "cut_symbols", "wavelet", "prior", "latent_maps", "differences"),
    *("latentnet", "latentnet_torch", "latent_pixels", "latent_steps"),
    *("kernels.layers", "kernels.highpass", "kernels.phases", "kernels.parity", "kernels.synthesis"),
    *("latent_level", "latents"),
    *("resample", "exact.colours", "exact.prediction", "exact.strips", "exact.picture", "exact.beside"),
    *("scaled", "kernels.siren", "siren_render", "decoder", "fileinfo", "metrics", "plan", "latent_plan"),
    *("fit.parameters", "fit.layer_pass", "fit.siren", "fit.gradients", "fit.adam", "fit.sparsity", "fit.quantize"),
    *("fit.captured", "fit.clock", "fit.trainer"),
    *("fit.float_wavelet", "fit.latent_model", "fit.export_prior", "fit.float_prior", "fit.adapt", "fit.graphics"),
    *("fit.phases", "fit.band_products", "fit.laplace", "fit.latent_nets", "fit.latent_pass", "fit.tiles"),
    *("fit.latent", "fit.pictures", "fit.calibrate", "fit.prior"),
    *("unseen", "job", "exact_job", "plane_choice", "lossy_job", "latent_job", "encoder"),
]
NATIVE = {"inr_core.kernels", "inr_core.kernels.native"}  # the compiled library, and the folder it is looked up in
NO_TORCH = {"fit.clock", "fit.export_prior", "fit.float_prior", "fit.graphics", "fit.pictures", "fit.tiles"}
TORCH = {name for name in ORDER if name.startswith("fit.")} - NO_TORCH
TORCH |= {"torch_settings", "network_torch", "latentnet_torch"}


def imported(path: Path, package: list[str], lazily: bool) -> set[str]:
    """Dotted modules that a file imports, relative ones resolved; `lazily`: also inside functions and for typing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazily else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join(module)} if node.module else {".".join([*module, a.name]) for a in node.names}
    return found


def test_core_imports_only_from_above() -> None:
    names = {".".join(p.relative_to(CORE).with_suffix("").parts) for p in CORE.glob("*.py")}
    names |= {f"{folder}.{p.stem}" for folder in ("exact", "fit", "kernels") for p in (CORE / folder).glob("*.py")}
    assert sorted(n for n in names if not n.endswith("__init__")) == sorted(ORDER)
    for place, name in enumerate(ORDER):
        path = CORE / (name.replace(".", "/") + ".py")
        modules = imported(path, ["inr_core", *name.split(".")[:-1]], lazily=True)
        above = {f"inr_core.{n}" for n in ORDER[:place]}
        own = {m for m in modules if m.startswith("inr_core")} - NATIVE
        assert own <= above, (name, own - above)


def test_torch_is_imported_where_it_is_needed_only() -> None:
    for name in ORDER:
        path = CORE / (name.replace(".", "/") + ".py")
        modules = imported(path, ["inr_core", *name.split(".")[:-1]], lazily=False)
        assert any(m.split(".")[0] == "torch" for m in modules) == (name in TORCH), name


def test_the_plugin_uses_only_what_the_core_exports() -> None:
    for path in (ROOT / "pillow_inr").rglob("*.py"):
        modules = imported(path, [*path.relative_to(ROOT).parent.parts], lazily=True)
        inner = {m for m in modules if m.startswith("inr_core.")} - {"inr_core.bench.__main__"}
        assert not inner, (path.name, inner)
