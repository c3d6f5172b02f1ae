"""Training the prior: the networks of the latent model, learnt over many pictures for the whole range of qualities.

    python -m training.train PICTURES … --out 3.npz --minutes 9 --held-out FOLDER

Takes as many steps as there is time for, and writes all it needs to go on; the same command again does, as if it had
never stopped. After the last step the averaged weights are written as integers, with tables calibrated on the same
pictures (see `calibrate`). `learner` says what a step is.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from inr_core.errors import InrError
from inr_core.fit.captured import own_stream
from inr_core.fit.latent.float_prior import float_state
from inr_core.latent.prior import from_arrays

from .calibrate import Calibration, calibrated
from .export import quantised_arrays, write_prior
from .learner import Arrays, Learner, Training
from .pictures import find_pictures, load_pictures
from .validation import curves, mean_bd_rate
from .weights import Weights, read_weights, write_weights

CPU_BATCH, BATCH = 3, 32  # crops a step


def train(learner: Learner, minutes: float | None = None) -> bool:
    """Take steps until all are done, or so many minutes are over, or Ctrl-C; whether all are done."""
    begun, shown = time.monotonic(), 0.0
    steps = learner.training.steps
    device = learner.training.device
    with tqdm(total=steps, initial=learner.done, unit="step", mininterval=1) as bar, own_stream(device):
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # the learner was made on another stream
        try:
            while learner.done < steps:
                seconds = time.monotonic() - begun
                if minutes is not None and seconds > 60 * minutes:
                    break
                learner.step()
                bar.update()
                if seconds > shown + 1:
                    shown = seconds
                    bar.set_postfix_str(f"distortion + λ rate {learner.shown:.3f} bits a pixel")
        except KeyboardInterrupt:
            print("\nstopped")
    return learner.done == steps


def read_arrays(path: Path) -> Arrays:
    """The arrays of a file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def write_checkpoint(path: Path, learner: Learner) -> None:
    """The state to go on from; a file that is there stays whole until this one is."""
    part = path.with_name(f"{path.name}.part.npz")
    np.savez(part, **learner.state())  # type: ignore[arg-type]
    os.replace(part, path)


def report(weights: Weights, against: Path | None, held_out: Sequence[NDArray[np.uint8]], how: Training) -> str:
    """How good the weights are on held-out pictures, in a line or two."""
    found = curves(weights, held_out, how.device, how.look)
    bpp, decibels = np.mean(found, 0).T
    lines = ["held out: " + ", ".join(f"{r:.3f} bpp at {d:.2f} dB" for r, d in zip(bpp, decibels, strict=True))]
    if against is not None:
        reference = curves(float_state(from_arrays(read_arrays(against))), held_out, how.device, how.look)
        lines.append(f"BD-rate against {against}: {mean_bd_rate(reference, found):+.2f} %")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument(
        "--out", type=Path, required=True, help="the prior, .npz; float weights and checkpoint beside it"
    )
    parser.add_argument("--start", type=Path, help="float weights to go on from")
    parser.add_argument(
        "--steps", type=int, default=20_000, help="of training, all parts together (default: %(default)s)"
    )
    parser.add_argument("--minutes", type=float, help="of this part; without it, until all steps are done")
    parser.add_argument("--batch", type=int, help=f"crops a step (default: {CPU_BATCH} on a CPU, {BATCH} on a GPU)")
    parser.add_argument(
        "--crop", type=int, default=Training.crop, help="pixels of a crop's side (default: %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=Training.rate, help="of Adam, at first (default: %(default)s)")
    parser.add_argument("--neurons", type=int, nargs=3, metavar=("CELL", "LUMA", "CHROMA"), default=Training.neurons,
                        help="of the networks, without --start (default: 40 32 16)")  # fmt: skip
    parser.add_argument("--look", action="store_true", help="for looks, with the gains of --start, which stay")
    parser.add_argument(
        "--held-out", type=Path, nargs="+", default=[], help="pictures, or folders, to judge by, not learnt"
    )
    parser.add_argument("--against", type=Path, help="a prior, .npz, to compare with on these")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU (default: %(default)s)")
    parser.add_argument("--crops", type=int, default=64, help="to calibrate the tables on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    batch = args.batch or (CPU_BATCH if device.type == "cpu" else BATCH)
    how = Training(args.steps, batch, device, args.rate, args.seed, args.crop, tuple(args.neurons), args.look)
    checkpoint = args.out.with_suffix(".checkpoint.npz")
    try:
        pictures = load_pictures(find_pictures(args.pictures), args.crop)
        held_out = load_pictures(find_pictures(args.held_out), args.crop) if args.held_out else []
        learner = Learner(pictures, how, read_weights(args.start) if args.start else None)
        if checkpoint.exists():
            learner.restore(read_arrays(checkpoint))
    except InrError as e:
        parser.error(str(e))
    done = train(learner, args.minutes)
    write_checkpoint(checkpoint, learner)
    write_weights(args.out.with_suffix(".float.npz"), learner.averaged)
    if held_out:
        print(report(learner.averaged, args.against, held_out, how))
    if not done:
        print(f"{learner.done:,} of {how.steps:,} steps are done; the same command goes on")
        return
    tables = Calibration(args.crops, seed=args.seed, threads=args.threads, device=args.device, look=args.look)
    write_prior(args.out, calibrated(quantised_arrays(learner.averaged), pictures, tables))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
