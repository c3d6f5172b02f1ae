"""Calibrating a prior's tables: what symbols its networks meet in refined pictures instead of Laplace's distributions.

    python -m training.calibrate PRIOR.npz PICTURES … --out PRIOR.npz

Crops are quantised with steps of the whole trained range, refined as files are, and coded with all of their symbols.
The counts of a row's entries, Laplace's probabilities beside them with the weight of so many more symbols, become its
frequencies. Networks and gains stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from inr_core.entropy.tables import MEANS, SymbolTables, frequencies, laplace_shares, laplace_tables
from inr_core.errors import InrError
from inr_core.fit.latent.refine import Refinement, refine
from inr_core.kernels.colour import Samples
from inr_core.kernels.strips import Strips
from inr_core.latent.latents import Latents, quantise
from inr_core.latent.level import Component
from inr_core.latent.plan import DEAD_ZONE, TRADE
from inr_core.latent.prior import Prior, from_arrays
from inr_core.latent.steps import Step
from inr_core.latent.tunes import tuned

from .export import write_prior
from .pictures import find_pictures, load_pictures

CROP, SMALLEST = 384, 128  # pixels, a crop's side; that of a smaller picture
LEVELS = 6
STEPS = (121, 200)  # indices of the finest and the coarsest step: 3 and 90 levels of 8 bits
LAPLACE_WEIGHT = 10_000  # symbols a row, each counted twice

Ints = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Calibration:
    """On how much, and where."""

    crops: int = 64  # 0: the tables are Laplace's
    iterations: int = 12  # of refining
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    look: bool = False  # of pictures tuned for looks


def calibrated(arrays: Mapping[str, NDArray[Any]], pictures: Sequence[NDArray[np.uint8]], how: Calibration) -> Arrays:
    """The arrays of a prior with other tables, for pictures (3, H, W) of which crops are taken.

    The same arguments give the same tables. FormatError: arrays of no prior, its tables apart.
    """
    start = {**arrays, **laplace_tables()}
    prior = from_arrays(start)
    random = np.random.default_rng(how.seed)
    steps = np.linspace(*STEPS, how.crops).round().astype(int)
    counts = np.zeros(len(prior.tables.freqs), np.int64)
    order = np.resize(random.permutation(len(pictures)), how.crops)
    for step, chosen in zip(random.permutation(steps), tqdm(order, unit="crop", delay=1), strict=True):
        picture = pictures[chosen]
        top, left = (int(random.integers(max(1, n - CROP + 1))) for n in picture.shape[1:])
        samples = picture[:, top : top + CROP, left : left + CROP].transpose(1, 2, 0)
        counts += count_entries(np.ascontiguousarray(samples), prior, int(step), how)
    return start | tables_of_counts(start, counts)


def count_entries(samples: Samples, prior: Prior, step: int, how: Calibration) -> Ints:
    """How often each entry (E,) of the prior's tables codes a symbol of samples (H, W, 3) or its mirror image."""
    latents = quantise(samples, prior, (3,), step, LEVELS, DEAD_ZONE, how.look)
    if how.iterations:
        refinement = Refinement(how.iterations, TRADE, seed=how.seed, threads=how.threads, device=how.device)
        latents, interrupted = refine(samples, latents, prior, refinement, lambda *_: True)
        if interrupted:
            raise KeyboardInterrupt
    return _counts(latents, prior)


def _counts(latents: Latents, prior: Prior) -> Ints:
    """How often coding the latents, level by level, takes each entry (E,) of the prior's tables."""
    counter = _Counter(prior.tables)
    size, step, strips = (latents.width, latents.height), Step(latents.step, latents.bit_depth), Strips(1, "cpu")
    component = Component(tuned(prior, latents.look), step, size, latents.lowpass[0] * step.low(latents.levels), strips)

    def code() -> None:
        for level in range(latents.levels - 1, -1, -1):
            component.refine(level, False, counter, latents.details[0][level])

    strips.run(code)
    return counter.counts


class _Counter:
    """Counts the entries (E,) of symbols and of their mirror images instead of coding them."""

    def __init__(self, tables: SymbolTables) -> None:
        self.tables, self.counts = tables, np.zeros(len(tables.freqs), np.int64)

    def exchange(
        self, rows: NDArray[np.integer[Any]], rounded: NDArray[np.int32], wanted: NDArray[np.int32] | None
    ) -> NDArray[np.int32]:
        """Count values (n,) that count from `rounded`, and return them."""
        assert wanted is not None
        for seen in ((rows, wanted - rounded), mirrored(rows, wanted - rounded)):
            self.counts += np.bincount(self.tables.entries(*seen), minlength=len(self.counts))
        return wanted


def mirrored(
    rows: NDArray[np.integer[Any]], symbols: NDArray[np.int32]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int32]]:
    """Rows (n,) and symbols (n,) on the other side of 0, or of −1/2 where that is the mean."""
    mean = rows % MEANS
    return rows + np.where(mean > 0, MEANS - 2 * mean, 0), -symbols - (mean == 0)


def tables_of_counts(arrays: Mapping[str, NDArray[Any]], counts: Ints) -> Arrays:
    """table_freqs and table_skipped for counts (E,) of the entries that the arrays' tables have."""
    tables = SymbolTables.of(arrays)
    rows = zip(np.split(counts, tables.offsets[1:]), laplace_shares(arrays), strict=True)
    return frequencies([(seen + LAPLACE_WEIGHT * laplace) / (seen.sum() + LAPLACE_WEIGHT) for seen, laplace in rows])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    default = Calibration()
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("prior", type=Path, help="the prior, .npz")
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="the prior with other tables, .npz")
    parser.add_argument("--crops", type=int, default=default.crops, help="how many (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=default.iterations, help="of refining (default: %(default)s)")
    parser.add_argument("--look", action="store_true", help="on pictures tuned for looks")
    parser.add_argument("--device", default=default.device, help="where to refine (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=default.threads, help="of a CPU (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    how = Calibration(args.crops, args.iterations, args.seed, args.threads, args.device, args.look)
    try:
        pictures = load_pictures(find_pictures(args.pictures), SMALLEST)
        with np.load(args.prior, allow_pickle=False) as file:
            arrays = calibrated({name: file[name] for name in file.files}, pictures, how)
    except InrError as e:
        parser.error(str(e))
    write_prior(args.out, arrays)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
