"""Arguments that several measurements share: the pictures, and how networks are fitted to them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inr_core.encoder import encode
from inr_core.settings import DEFAULT_EFFORT, MODEL_CHOICES, Settings

DEFAULT = "(default: %(default)s)"  # ends the help of an argument
TUNE = "psnr"  # of what is measured by PSNR
LOOK = "look"  # of what is measured for eyes
SIREN = "siren"  # the model whose weights are measured here, whatever the default is

_FIT_OPTIONS: dict[str, tuple[type, str]] = {
    "effort": (int, f"0 … 9: time spent on a picture, as `inr encode` has it (default: {DEFAULT_EFFORT})"),
    "steps": (int, "training steps of a siren (default: by effort)"),
    "batch": (int, "pixels of a training step (default: 2048 on a CPU)"),
    "seed": (int, f"of everything random (default: {Settings.seed})"),
    "threads": (int, "CPU threads (default: all cores)"),
}
_NETWORK_OPTIONS: dict[str, tuple[type, str]] = {
    "width": (int, "neurons of each hidden layer"),
    "depth": (int, "linear layers"),
    "density": (float, "fraction of the weights that are not zero"),
}


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """PICTURE… and --crop."""
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="a file that Pillow opens")
    add_crop(parser)


def add_crop(parser: argparse.ArgumentParser) -> None:
    """--crop N."""
    parser.add_argument("--crop", type=int, metavar="N", help="take the central N×N pixels")


def add_output(parser: argparse.ArgumentParser, folder: str, what: str) -> None:
    """--output FOLDER."""
    text = f"where {what} are kept {DEFAULT}"
    parser.add_argument("-o", "--output", type=Path, default=Path(folder), metavar="FOLDER", help=text)


def add_fit(parser: argparse.ArgumentParser) -> None:
    """How long and from which start to fit; every picture on the CPU."""
    _add(parser, _FIT_OPTIONS)


def add_model(parser: argparse.ArgumentParser) -> None:
    """--model: what `im.save` is asked for."""
    parser.add_argument("--model", choices=MODEL_CHOICES, default=Settings.model, help=f"of ours {DEFAULT}")


def add_layers(parser: argparse.ArgumentParser) -> None:
    """--width and --depth: the network of the starting study."""
    parser.add_argument("--width", type=int, default=128, metavar="N", help=f"neurons of each hidden layer {DEFAULT}")
    parser.add_argument("--depth", type=int, default=8, metavar="N", help=f"linear layers {DEFAULT}")


def add_qualities(parser: argparse.ArgumentParser, default: Sequence[float]) -> None:
    """--qualities: those of our files."""
    text = f"of ours {DEFAULT}"
    parser.add_argument("--qualities", type=float, nargs="+", default=default, metavar="N", help=text)


def add_network(parser: argparse.ArgumentParser) -> None:
    """The network to fit."""
    parser.add_argument(
        "--quality", type=float, default=Settings.quality, metavar="N", help="0 … 100 (default: %(default)g)"
    )
    _add(parser, _NETWORK_OPTIONS)


def warm_up() -> None:
    """Make torch import what its first training step needs: a second that the first fit would be longer by."""
    encode(np.array([[0, 255]], np.uint8), Settings(model=SIREN, width=1, depth=2, steps=2, device="cpu"))


def _add(parser: argparse.ArgumentParser, options: dict[str, tuple[type, str]]) -> None:
    for name, (kind, text) in options.items():
        parser.add_argument(f"--{name}", type=kind, metavar="X" if kind is float else "N", help=text)


def fit_options(args: argparse.Namespace) -> dict[str, object]:
    """Options for `Settings` or for `im.save`, of those arguments that the measurement has and the user gave."""
    names = ["quality", "tune", *_NETWORK_OPTIONS, *_FIT_OPTIONS]
    given = {name: getattr(args, name, None) for name in names}
    model = getattr(args, "model", None)
    if isinstance(model, str):  # some measurements compare several
        given["model"] = model
    return {"device": "cpu", "tune": TUNE, **{name: value for name, value in given.items() if value is not None}}
