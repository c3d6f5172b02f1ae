"""RigL against pruning against a small dense network, at equal non-zeros and equal steps.

"small-dense" is the widest dense network with no more weights than the others keep. The dense network they start
from is there too. Everything else is the format's default: the weights are quantised while training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from inr_core.decoder import decode, describe
from inr_core.encoder import encode
from inr_core.metrics import psnr
from inr_core.settings import SPARSITIES, Settings

from . import options
from .pictures import Samples, load_all, samples
from .report import Cell, Report, Table, stopwatch

DENSE = "dense"


@dataclass(frozen=True)
class _Fit:
    picture: str
    density: float
    method: str
    seed: int
    width: int
    nonzeros: int
    bytes: int
    psnr_db: float
    fit_seconds: float


FIT_COLUMNS = {
    "picture": "",
    "density": "g",
    "method": "",
    "seed": "d",
    "width": "d",
    "nonzeros": ",d",
    "bytes": ",d",
    "psnr_db": ".2f",
    "fit_seconds": ".1f",
}
MEAN_COLUMNS = {
    "picture": "",
    "density": "g",
    "method": "",
    "seeds": "d",
    "nonzeros": ",d",
    "bytes": ",.0f",
    "psnr_db": ".2f",
    "lowest_db": ".2f",
    "highest_db": ".2f",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, the network to make sparse, densities and seeds."""
    text = "(default: %(default)s)"
    options.add_pictures(parser)
    options.add_layers(parser)
    options.add_fit(parser)
    parser.add_argument(
        "--densities",
        type=float,
        nargs="+",
        default=[0.5, 0.2, 0.1, 0.05],
        metavar="X",
        help=f"fractions of the weights that are not zero {text}",
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help=f"how many, from --seed on {text}")


def run(args: argparse.Namespace, report: Report) -> None:
    """One table with every fit, one with the means over the seeds."""
    options.warm_up()
    network = f"Sparsity of a network of {args.depth} layers × {args.width}"
    table = report.table("fits", f"{network}: every fit", FIT_COLUMNS)
    seeds = range(args.seed or 0, (args.seed or 0) + args.seeds)
    fits = []
    for name, im in load_all(args.pictures, args.crop):
        pixels = samples(im)
        for density in dict.fromkeys((1.0, *args.densities)):
            for method in (DENSE,) if density == 1 else SPARSITIES:
                for seed in seeds:
                    report.say(f"{name}: fitting, density {density:g}, {method}, seed {seed}")
                    fits.append(_fit(args, name, pixels, density, method, seed))
                    report.add(table, asdict(fits[-1]))
    means = report.table("means", f"{network}: means over the seeds", MEAN_COLUMNS)
    _add_means(report, means, fits)


def _fit(args: argparse.Namespace, name: str, pixels: Samples, density: float, method: str, seed: int) -> _Fit:
    choice = {} if method == DENSE else {"sparsity": method}
    settings = Settings.from_options(
        {**options.fit_options(args), "model": options.SIREN, "seed": seed, "density": density, **choice}
    )
    with stopwatch() as seconds:
        data = encode(pixels, settings)
    info = describe(data)
    decibels = psnr(pixels, decode(data, threads=settings.threads))
    nonzeros = sum(layer.nonzeros for layer in info.layers)
    return _Fit(name, density, method, seed, info.layers[0].shape[0], nonzeros, len(data), decibels, seconds[0])


def _add_means(report: Report, table: Table, fits: Sequence[_Fit]) -> None:
    groups: dict[tuple[str, float, str], list[_Fit]] = {}
    for fit in fits:
        groups.setdefault((fit.picture, fit.density, fit.method), []).append(fit)
    for (picture, density, method), group in groups.items():
        decibels = [fit.psnr_db for fit in group]
        row: dict[str, Cell] = {
            "picture": picture,
            "density": density,
            "method": method,
            "seeds": len(group),
            "nonzeros": group[0].nonzeros,
            "bytes": fmean(fit.bytes for fit in group),
            "psnr_db": fmean(decibels),
            "lowest_db": min(decibels),
            "highest_db": max(decibels),
        }
        report.add(table, row)
