"""Training the prior: the networks of the latent model, learnt over many pictures for the whole range of qualities.

    python -m training.train PICTURES … --out inr_core/latent/priors/1.npz

Every step takes random crops, decomposes them, rounds the wavelet coefficients with a random step and a random dead
zone, and lowers distortion + λ · rate of the decoded crops. Rounding passes gradients straight through, so that the
gains of the bands' steps are learnt too. What is written is an average over the last steps, on integers, with tables
calibrated on the same pictures (see `calibrate`).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from inr_core.errors import InrError
from inr_core.fit.latent.model import LatentModel, Pyramid, to_rgb

from .calibrate import Calibration, calibrated
from .export import quantised_arrays, write_prior
from .pictures import find_pictures, load_pictures
from .weights import Weights, read_weights, write_weights

LAMBDA = 0.14  # of the square of the step: where the slopes of distortion and of rate meet
STEPS_RANGE = (3 / 255, 80 / 255)  # quantisation steps trained for, shares of the samples' range
DEAD_ZONES = (0.55, 0.7)  # from which distance to zero on a value is rounded away from it
CROP = 256  # pixels, the side
LEVELS = 6
RATE, LAST_RATE, GAIN_RATE = 4e-3, 0.02, 0.25  # of Adam: at first by default, its last share, the gains' share
WARM_UP = 20
AVERAGE = 0.02  # of a step in the averaged weights
CLIP_CELL, CLIP_ENTROPY = 0.3, 1.0  # largest norms of the gradients
EVEN_OUT = 0.3  # bits a pixel: crops below it count by their share less and less


def crops(
    pictures: Sequence[NDArray[np.uint8]], batch: int, crop: int, random: np.random.Generator
) -> Iterator[Tensor]:
    """Endless batches (batch, 3, crop, crop) of samples in [−1/2, 1/2], flipped and transposed at random."""
    while True:
        chosen = []
        for _ in range(batch):
            picture = pictures[int(random.integers(len(pictures)))]
            top, left = (int(random.integers(n - crop + 1)) for n in picture.shape[1:])
            square = picture[:, top : top + crop, left : left + crop]
            square = square[:, :, ::-1] if random.random() < 0.5 else square
            chosen.append(square.transpose(0, 2, 1) if random.random() < 0.5 else square)
        yield torch.from_numpy(np.stack(chosen)).float() / 255 - 0.5


def rounded(pyramid: Pyramid, model: LatentModel, step: float, dead_zone: float) -> list[Tensor]:
    """Latents of every level: the coefficients in steps, rounded with a dead zone; gradients pass straight through."""
    latents = []
    for k, bands in enumerate(pyramid.bands):
        y = bands / model.steps(k, step)
        q = torch.sign(y) * torch.floor(y.abs() + 1 - dead_zone)
        latents.append(y + (q - y).detach())
    return latents


def cost(model: LatentModel, rgb: Tensor, step: float, dead_zone: float) -> tuple[Tensor, Tensor]:
    """Mean squared error and bits a pixel of each picture of a batch (B, 3, H, W), both (B,)."""
    with torch.no_grad():
        pyramid = Pyramid.of(rgb, LEVELS)
    latents = rounded(pyramid, model, step, dead_zone)
    with torch.autocast(rgb.device.type, dtype=torch.bfloat16):
        decoded = model(pyramid.low, latents, pyramid.sizes, step)
    error = (to_rgb(decoded.planes) - rgb).square().mean((1, 2, 3))
    bits = torch.stack([b.sum((1, 2, 3)) for b in decoded.bits]).sum(0)
    return error, bits / (rgb.shape[2] * rgb.shape[3])


@dataclass(frozen=True)
class Training:
    """How long and on what."""

    steps: int
    batch: int
    device: torch.device
    rate: float = RATE
    seed: int = 0
    crop: int = CROP


def train(pictures: Sequence[NDArray[np.uint8]], training: Training, start: Weights | None, hidden: int) -> Weights:
    """The averaged weights after all steps, or after as many as Ctrl-C left time for."""
    random = np.random.default_rng(training.seed)
    model = LatentModel.of(start) if start else LatentModel(hidden, levels=LEVELS, seed=training.seed)
    model = model.to(training.device)
    average = {name: value.detach().clone() for name, value in model.named_parameters()}
    gains = [model.log_gains, model.reach_line]
    networks = [p for name, p in model.named_parameters() if name not in ("log_gains", "reach_line")]
    optimiser = torch.optim.Adam([{"params": networks, "share": 1.0}, {"params": gains, "share": GAIN_RATE}])
    low, high = map(math.log, STEPS_RANGE)
    batches = crops(pictures, training.batch, training.crop, random)
    begun, shown = time.perf_counter(), 0.0
    bar = tqdm(total=training.steps, unit="step", mininterval=1)
    try:
        for k in range(training.steps):
            fall = 0.5 + 0.5 * math.cos(math.pi * k / training.steps)
            rate = training.rate * min(1, (k + 1) / WARM_UP) * (fall * (1 - LAST_RATE) + LAST_RATE)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            step = math.exp(random.uniform(low, high))
            error, bpp = cost(model, next(batches).to(training.device), step, random.uniform(*DEAD_ZONES))
            total = error / (LAMBDA * step**2) + bpp  # in bits a pixel
            loss = (total / (EVEN_OUT + total.detach())).mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.cell.parameters(), CLIP_CELL)
            torch.nn.utils.clip_grad_norm_(model.entropy.parameters(), CLIP_ENTROPY)
            optimiser.step()
            share = max(AVERAGE, 1 / (k + 1))
            with torch.no_grad():
                for name, value in model.named_parameters():
                    average[name].lerp_(value, share)
            bar.update()
            if time.perf_counter() - begun > shown + 1:
                shown = time.perf_counter() - begun
                bar.set_postfix_str(f"distortion + λ rate {total.mean().item():.3f} bits a pixel")
    except KeyboardInterrupt:
        print("\nstopped; writing what there is")
    bar.close()
    return {name: value.cpu().numpy() for name, value in average.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="the prior, .npz; the float weights go beside it")
    parser.add_argument("--start", type=Path, help="float weights to go on from")
    parser.add_argument("--steps", type=int, default=20_000, help="of training (default: %(default)s)")
    parser.add_argument("--batch", type=int, help="crops a step (default: 3 on a CPU, 32 on a GPU)")
    parser.add_argument("--rate", type=float, default=RATE, help="of Adam, at first (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=40, help="neurons of the cell (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU (default: %(default)s)")
    parser.add_argument("--crops", type=int, default=64, help="to calibrate the tables on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    try:
        pictures = load_pictures(find_pictures(args.pictures), CROP)
    except InrError as e:
        parser.error(str(e))
    start = read_weights(args.start) if args.start else None
    training = Training(args.steps, args.batch or (3 if device.type == "cpu" else 32), device, args.rate, args.seed)
    state = train(pictures, training, start, args.hidden)
    write_weights(args.out.with_suffix(".float.npz"), state)
    how = Calibration(args.crops, seed=args.seed, threads=args.threads, device=args.device)
    write_prior(args.out, calibrated(quantised_arrays(state), pictures, how))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
