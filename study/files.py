"""Files of the study's networks: a header that names the network, then its tensors. Decoded from the bytes alone."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inr_core.container.fields import FieldReader, expect
from inr_core.errors import FormatError
from inr_core.metrics import psnr
from pillow_inr.bench.pictures import Samples
from pillow_inr.bench.report import stopwatch

from .fitting import Fitted, Schedule, coordinates, evaluate, rgb_field, train
from .networks import BandPair, Feathermap, FourierNetwork, Network, PlainSiren
from .tensors import pack, unpack

HEADER = struct.Struct("<BHHHBHIf")
SIREN, FOURIER, FEATHERMAP, BANDS = range(4)
MAX_WEIGHTS = 2**24

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """What a decoder must know before the tensors."""

    kind: int
    width: int  # of the picture, pixels
    height: int
    hidden: int
    layers: int
    extra: int = 0  # features of FOURIER, rank of FEATHERMAP
    seed: int = 0  # of the random frequencies
    gain: float = 1.0  # of BANDS: what a high band's 1 stands for

    def network(self) -> Network:
        """The network to put the tensors in; FormatError for a header that names none."""
        expect("header: kind", self.kind, SIREN, BANDS)
        expect("header: hidden", self.hidden, 1, 4096)
        expect("header: layers", self.layers, 2, 64)
        if self.kind == FOURIER:
            return FourierNetwork(self.hidden, self.layers, self.extra, self.seed)
        if self.kind == FEATHERMAP:
            return Feathermap(self.hidden, self.layers, self.extra)
        return BandPair(self.hidden, self.layers) if self.kind == BANDS else PlainSiren(self.hidden, self.layers)


def head_of(network: Network, pixels: Samples, gain: float = 1.0) -> Head:
    """The header of a network fitted to pixels (H, W, 3)."""
    height, width = pixels.shape[:2]
    if isinstance(network, FourierNetwork):
        return Head(FOURIER, width, height, network.width, network.layers, network.features, network.features_seed)
    if isinstance(network, Feathermap):
        return Head(FEATHERMAP, width, height, network.width, network.layers, network.rank)
    if isinstance(network, BandPair):
        return Head(BANDS, width, height, network.width, network.layers, gain=gain)
    if isinstance(network, PlainSiren):
        return Head(SIREN, width, height, network.width, network.layers)
    raise TypeError(f"expected a network of the study, got {type(network).__name__}")


def write(head: Head, tensors: Sequence[Floats]) -> bytes:
    """The whole file."""
    return HEADER.pack(*vars(head).values()) + pack(tensors, head.network().bits)


def read(data: bytes) -> tuple[Head, list[Floats]]:
    """Header and tensors; FormatError for bytes that `write` cannot have written."""
    reader = FieldReader(data)
    head = Head(*HEADER.unpack(reader.take(HEADER.size, "header")))
    network = head.network()
    tensors = unpack(reader, network.shapes, network.bits)
    if left := len(reader.rest()):
        raise FormatError(f"file: expected its end after the tensors, got {left} more bytes")
    return head, tensors


def outputs(head: Head, tensors: Sequence[Floats], height: int, width: int) -> Floats:
    """What the network says on a grid of height × width points, (height, width, C)."""
    y = evaluate(head.network(), [torch.from_numpy(t) for t in tensors], coordinates(height, width))
    values: Floats = y.numpy().reshape(height, width, -1)
    return values


def decode(data: bytes) -> Samples:
    """The picture (H, W, 3) of an RGB network's file."""
    head, tensors = read(data)
    y = outputs(head, tensors, head.height, head.width)
    return np.rint((y.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def fit_file(pixels: Samples, network: Network, schedule: Schedule) -> Fitted:
    """Fit an RGB network, write its file and decode that."""
    with stopwatch() as seconds:
        data = write(head_of(network, pixels), train(network, rgb_field(pixels), schedule))
    picture = decode(data)
    return Fitted(data, picture, psnr(pixels, picture), matrix_numbers(network), seconds[0])


def matrix_numbers(network: Network) -> int:
    """What its matrices store: its numbers but for biases and factors."""
    return sum(math.prod(shape) for shape in network.shapes if len(shape) == 2)
