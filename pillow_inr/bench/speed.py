"""Seconds: of a training step, of decoding, of opening and importing, beside the simplest thing that does the same.

fit: steps per second of our loop and of the simplest PyTorch loop over the same network, batch and picture, and seconds
to a PSNR. growth: how both change with width, depth and pixels of a step. latent: an iteration of refining beside the
simplest loop, and decoding. These three stand beside the machine's rate of large matrix products. decode: a network of
random weights, beside a bare forward pass in torch. fresh: import, open, load and peak memory in fresh interpreters.
All contestants take turns in one run; figures are medians.

On a machine with a GPU: inr bench speed --device cuda --parts fit growth latent
"""

from __future__ import annotations

import argparse

from inr_core.process.threads import cores
from inr_core.save.job import choose_device

from .report import Report

PARTS = ("fit", "growth", "latent", "decode", "fresh")
DEVICES = ("cpu", "cuda")  # of the first three


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, how large and how often."""
    text = "(default: %(default)s)"
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help=f"what to measure {text}")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=f"of fit, growth and latent {text}")
    parser.add_argument("--size", type=int, nargs=2, default=[512, 512], metavar=("W", "H"), help=f"pixels {text}")
    parser.add_argument("--width", type=int, default=128, metavar="N", help=f"neurons of each hidden layer {text}")
    parser.add_argument("--depth", type=int, default=8, metavar="N", help=f"linear layers {text}")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help=f"of refining and decoding {text}")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help=f"for each network's fits {text}")
    parser.add_argument("--psnr", type=float, default=20.0, metavar="DB", help=f"to be reached by a fit {text}")
    parser.add_argument("--turn-seconds", type=float, default=0.2, metavar="S", help=f"of a loop's in growth {text}")
    parser.add_argument("--starts", type=int, default=15, metavar="N", help=f"fresh interpreters {text}")
    parser.add_argument("--fit-threads", type=int, default=cores(), metavar="N", help="of fit (default: all cores)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], metavar="N", help=f"of the other parts {text}"
    )


def run(args: argparse.Namespace, report: Report) -> None:
    """A table for each part."""
    from . import speed_decode, speed_fit, speed_fresh, speed_growth, speed_latent, speed_products, speed_reach

    device = choose_device(args.device)
    size, shape = (args.size[0], args.size[1]), (args.width, args.depth)
    counts = {args.fit_threads} if {"fit", "growth"} & set(args.parts) else set()
    counts |= set(args.threads) if "latent" in args.parts else set()
    rates = speed_products.measure(report, sorted(counts), args.rounds, device) if counts else {}
    if "fit" in args.parts:
        threads, seconds = args.fit_threads, args.seconds
        speed_fit.measure(report, size, shape, threads, seconds, rates[threads], device)
        speed_reach.measure(report, size, shape, threads, seconds, args.psnr, device)
    if "growth" in args.parts:
        speed_growth.measure(report, args.fit_threads, rates[args.fit_threads], device, args.turn_seconds)
    if "latent" in args.parts:
        speed_latent.measure(report, size, args.threads, args.rounds, rates, device)
    if not {"decode", "fresh"} & set(args.parts):
        return
    data = speed_decode.random_file(size, args.width, args.depth)
    if "decode" in args.parts:
        speed_decode.measure(report, data, args.threads, args.rounds)
    if "fresh" in args.parts:
        speed_fresh.measure(report, data, args.threads, args.starts)
