"""Whether `auto` takes what costs less: its choice beside the latent model and a nearly exact file of each picture.

A file costs its square error over all samples plus λ · its bits, with λ of the quality. *percent*: how much more the
choice costs than the better of both; it costs less where tiles stand beside latents. *choice ms*: the processor's time
beyond saving with the chosen model alone, which at efforts above 0 is less than what two savings differ by. Of few
colours and mode P, all is kept without a choice.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from inr_core.container.chunks import read_head
from inr_core.container.metadata import Metadata
from inr_core.decoder import decode
from inr_core.encoder import encode
from inr_core.pixels import to_colours
from inr_core.save.job import Request
from inr_core.save.reduced import ReducedJob, may_reduce
from inr_core.settings import Settings
from pillow_inr.modes import Pixels, from_image

from . import options
from .pictures import load_all
from .report import Cell, Report

LATENT, REDUCED, TILES = "latent", "nearly exact", "latent, tiles"
COLUMNS = {
    "picture": "",
    "mode": "",
    "taken": "",
    "bytes": ",d",
    "psnr_db": ".2f",
    "latent_bytes": ",d",
    "latent_db": ".2f",
    "exact_bytes": ",d",
    "exact_db": ".2f",
    "percent": ".1f",
    "cpu_ms": ",.0f",
    "choice_ms": ",.0f",
}
MEAN_COLUMNS = {"taken": "", "pictures": "d", "percent": ".2f", "most_percent": ".1f", "choice_ms": ",.0f"}


@dataclass(frozen=True)
class File:
    """One way to save a picture."""

    size: int
    error: float  # of all samples
    psnr: float
    seconds: float  # of the processor

    def cost(self, trade: float) -> float:
        """Error and bits together."""
        return self.error + 8 * trade * self.size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, and how they are saved."""
    options.add_pictures(parser)
    parser.add_argument(
        "--quality", type=float, default=Settings.quality, metavar="N", help=f"of ours {options.DEFAULT}"
    )
    parser.add_argument("--effort", type=int, default=0, metavar="N", help=f"of ours {options.DEFAULT}")


def run(args: argparse.Namespace, report: Report) -> None:
    """A table of all pictures, and one of means by what was taken."""
    settings = Settings(quality=args.quality, effort=args.effort, tune=options.TUNE, threads=1, device="cpu")
    table = report.table("auto", "What auto takes", COLUMNS)
    for name, im in load_all(args.pictures, args.crop):
        report.add(table, {"picture": name, **row_of(from_image(im), settings)})
    means = report.table("means", "By what was taken", MEAN_COLUMNS)
    for taken in dict.fromkeys(row["taken"] for row in table.rows):
        rows = [row for row in table.rows if row["taken"] == taken]
        percents, choices = ([v for row in rows if isinstance(v := row[n], float)] for n in ("percent", "choice_ms"))
        found: list[Cell] = [taken, len(rows)]
        found += [np.mean(percents).item(), max(percents)] if percents else [None, None]
        found.append(np.mean(choices).item() if choices else None)
        report.add(means, dict(zip(MEAN_COLUMNS, found, strict=True)))


def row_of(pixels: Pixels, settings: Settings) -> dict[str, Cell]:
    """What each way gives, and which is taken; of COLUMNS, but for the name."""
    request = Request(pixels.array, pixels.mode, pixels.palette, Metadata(), settings, None)
    made: list[bytes] = []

    def save() -> bytes:
        made.append(encode(pixels.array, settings, mode=pixels.mode, palette=pixels.palette))
        return made[0]

    auto = measured(request, save)
    row: dict[str, Cell] = dict.fromkeys([*COLUMNS][1:])
    row |= {"mode": pixels.mode, "taken": "exact", "cpu_ms": 1e3 * auto.seconds}
    row |= {"bytes": auto.size, "psnr_db": auto.psnr}
    job = ReducedJob(request)
    if not may_reduce(job.raster):
        return row
    ways = {
        LATENT: measured(request, lambda: encode(pixels.array, replace(settings, model=LATENT), mode=pixels.mode)),
        REDUCED: measured(request, lambda: ReducedJob(request).run(settings.quality).data),
    }
    for name, key in ((LATENT, "latent"), (REDUCED, "exact")):
        row |= {f"{key}_bytes": ways[name].size, f"{key}_db": ways[name].psnr}
    if read_head(io.BytesIO(made[0])).header.plane == "tiles":
        row["taken"] = TILES
    taken = next((name for name, file in ways.items() if (file.size, file.error) == (auto.size, auto.error)), None)
    trade = job.price(settings.quality)
    row["percent"] = 100 * (auto.cost(trade) / min(file.cost(trade) for file in ways.values()) - 1)
    if taken is not None:
        row |= {"taken": taken, "choice_ms": 1e3 * (auto.seconds - ways[taken].seconds)}
    return row


def measured(request: Request, save: Callable[[], bytes]) -> File:
    """Save and compare; colours that nobody can see do not count."""
    started = time.process_time()
    data = save()
    seconds = time.process_time() - started
    own, made = (to_colours(p, request.mode, request.palette) for p in (request.pixels, decode(data, threads=1)))
    if ReducedJob(request).alpha:
        made = np.where(own[..., -1:] == 0, own, made)
    error = float(np.square(own.astype(np.float64) - made).sum())
    peak = np.iinfo(own.dtype).max
    return File(len(data), error, 10 * np.log10(peak**2 * own.size / error).item() if error else np.inf, seconds)
