"""Bytes and PSNR of every quantiser, against the float network of the same run.

One float fit a picture is quantised after training by range, distribution, k-means and float16; training through the
format's arithmetic ("qat") starts again from the same seed and takes as many steps. The reference is the float
network's own picture rounded to 8 bits, as every decoded picture is; the row "float, unrounded" says what that costs.
Bits are those of all layers but the first, which has more, as the format's default has.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
from PIL import Image

from inr_core.decoder import decode
from inr_core.metrics import bpp, psnr
from inr_core.process.threads import cores
from inr_core.settings import Settings
from inr_core.siren import plan as plans
from inr_core.siren.plan import FitPlan, make_plan

from . import options
from .pictures import load_all, samples
from .report import Report, Table, stopwatch

AFTER_TRAINING = ("range", "distribution", "kmeans")
COLUMNS = {
    "picture": "",
    "method": "",
    "bits": "d",
    "bytes": ",d",
    "bpp": ".3f",
    "psnr_db": ".3f",
    "loss_db": "z.3f",
    "fit_seconds": ".1f",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pictures, the network, and the bits to try."""
    options.add_pictures(parser)
    options.add_network(parser)
    options.add_fit(parser)
    text = "(default: %(default)s)"
    parser.add_argument(
        "--bits", type=int, nargs="+", metavar="N", default=[4, 5, 6, 7, 8, 9, 10], help=f"of qat {text}"
    )
    parser.add_argument("--post-bits", type=int, nargs="+", metavar="N", default=[8, 10], help=f"after training {text}")


def run(args: argparse.Namespace, report: Report) -> None:
    """A table with the quantisers of every picture."""
    options.warm_up()
    title = "Quantisers against the float network of the same run (loss: dB below float, rounded)"
    table = report.table("quantisation", title, COLUMNS)
    for name, im in load_all(args.pictures, args.crop):
        measure(args, report, table, name, im)


def measure(
    args: argparse.Namespace, report: Report, table: Table, name: str, im: Image.Image, device: str = "cpu"
) -> None:
    """The rows of one picture, fitted on a device."""
    from inr_core.fit.siren.trainer import fit
    from inr_core.save.job import choose_device

    from .float_fit import PEAK, file_of, fit_float

    pixels = samples(im)
    settings = Settings.from_options({**options.fit_options(args), "model": options.SIREN})
    threads, where = settings.threads or cores(), choose_device(device)
    # One network for all bits: from the settings alone, fewer bits would buy a wider one.
    base = make_plan((im.height, im.width, pixels.shape[2]), settings, quality=settings.quality)

    report.say(f"{name}: fitting in float, {base.steps} steps")
    with stopwatch() as seconds:
        fitted = fit_float(pixels, dataclasses.replace(base, quantization="float16"), threads, where)
    exact = fitted.picture()
    reference = psnr(pixels, np.rint(exact).astype(np.uint8))
    unrounded = psnr(pixels.astype(np.float64), exact, PEAK)

    def add(method: str, bits: int | None, size: int | None, decibels: float, took: float | None) -> None:
        rate = None if size is None else bpp(size, im.width, im.height)
        cells = name, method, bits, size, rate, decibels, reference - decibels, took
        report.add(table, dict(zip(COLUMNS, cells, strict=True)))

    def add_file(method: str, bits: int, data: bytes, took: float | None) -> None:
        add(method, bits, len(data), psnr(pixels, decode(data, threads=threads)), took)

    add("float, unrounded", None, None, unrounded, None)
    add("float, rounded", None, None, reference, seconds[0])
    add_file("float16", 16, file_of(im.size, fitted.quantised("float16", base.bits)), None)
    for bits in args.post_bits:
        for method in AFTER_TRAINING:
            layers = fitted.quantised(method, _with_bits(base, bits).bits)
            add_file(method, bits, file_of(im.size, layers), None)
    for bits in args.bits:
        report.say(f"{name}: fitting, qat with {bits} bits, {base.steps} steps")
        plan = dataclasses.replace(_with_bits(base, bits), quantization="qat")
        with stopwatch() as seconds:
            aware = fit(pixels, PEAK, False, plan, where, lambda progress: None, threads)
        if aware.interrupted:
            raise KeyboardInterrupt
        add_file("qat", bits, file_of(im.size, aware.layers), seconds[0])


def _with_bits(plan: FitPlan, bits: int) -> FitPlan:
    """The same fit with weights of so many bits; the first layer has more, as `make_plan` gives it."""
    rest = len(plan.shapes) - 1
    return dataclasses.replace(plan, bits=(bits + plans.FIRST_LAYER_BITS, *[bits] * rest))
