"""A siren on integers: layers, and samples at the points of a grid, compiled or by NumPy; `on_torch` has torch's."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..process.threads import single_threaded_blas
from . import sine as fx
from . import switch
from .layers import NEURONS, pack_weights

STRIP_SAMPLES = 4096  # evaluated at once by NumPy: the scratch of a 128-wide layer stays within a few MB of cache
STRIP_ACTIVATIONS = 2**19  # of one layer: wider networks take fewer samples at a time
COMPILED_SAMPLES = 2**14  # evaluated at once by compiled kernels
DENSE = 0.7  # of a layer's pairs of weights: where more are used, multiplying by all of them is faster

Ints = NDArray[np.int64]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class Layer:
    """One linear layer. Hidden biases are 32-bit phases; output biases count 2**−OUTPUT_SHIFT of a sample."""

    weight: NDArray[np.int32]  # (out, in)
    multiplier: int  # 1 … 2**32 − 1
    bias: NDArray[np.int64]  # (out,)
    factors: fx.Reals = field(init=False, repr=False)  # the weights in the float type that multiplies them exactly

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", self.weight.astype(fx.product_dtype(self.weight)))


@dataclass(frozen=True)
class Network:
    """A whole SIREN: one coordinate layer, any number of hidden layers, one output layer."""

    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of the dense network."""
        return sum(layer.weight.size for layer in self.layers)


def strip_samples(network: Network) -> int:
    """How many samples to evaluate at once by NumPy."""
    return max(1, min(STRIP_SAMPLES, STRIP_ACTIVATIONS // len(network.layers[0].bias)))


class NumpySiren:
    """By NumPy, with scratch for every thread that is at it."""

    def __init__(self, network: Network, peak: int, threads: int = 1, most: int | None = None) -> None:
        self.network, self.peak, self.threads = network, peak, threads
        self.most = most or strip_samples(network)
        self._bias = [layer.bias.astype(np.uint32) for layer in network.layers[:-1]]
        self._scratch: SimpleQueue[tuple[NDArray[np.uint32], Ints]] = SimpleQueue()

    def samples(self, x: Ints, y: Ints) -> Ints:
        """As `siren.evaluator.Evaluator`, int64."""
        try:
            scratch = self._scratch.get_nowait()
        except Empty:
            values = len(self.network.layers[0].bias) * self.most
            scratch = np.empty(values, np.uint32), np.empty(values, np.int64)
        try:
            with single_threaded_blas():
                return self._samples(x, y, *scratch)
        finally:
            self._scratch.put(scratch)

    def _samples(self, x: Ints, y: Ints, phases: NDArray[np.uint32], index: Ints) -> Ints:
        n = len(x) * len(y)
        first, *hidden, last = self.network.layers
        phase = _first(phases, len(first.bias), n)
        columns = fx.first_phase(first.weight[:, 0], first.multiplier, x)  # (width, w)
        rows = fx.first_phase(first.weight[:, 1], first.multiplier, y) + self._bias[0][:, None]  # (width, h)
        np.add(rows[:, :, None], columns[:, None, :], out=phase.reshape(-1, len(y), len(x)))
        for layer, bias in zip(hidden, self._bias[1:], strict=True):
            acc = _product(layer, phase, index)
            phase = _first(phases, len(bias), n)
            fx.to_phase(acc, layer.multiplier, bias, phase)
        acc = _product(last, phase, index)
        return fx.to_samples(acc, last.multiplier, last.bias, self.peak).T.reshape(len(y), len(x), -1)


def _product(layer: Layer, phase: NDArray[np.uint32], index: Ints) -> fx.Reals:
    """Phases (in, n) → accumulators (out, n), exact."""
    act = np.empty(phase.shape, layer.factors.dtype)  # in [−511, 511]
    fx.sine_of_phase(phase, _first(index, *phase.shape), act)
    acc: fx.Reals = layer.factors @ act
    return acc


def _first(scratch: NDArray[_T], rows: int, n: int) -> NDArray[_T]:
    """The first values of a flat array as (rows, n)."""
    return scratch[: rows * n].reshape(rows, n)


class CompiledSiren:
    """By compiled kernels: by any number of threads at once."""

    def __init__(self, network: Network, peak: int, threads: int = 1, most: int | None = None) -> None:
        first, *layers = network.layers
        self.threads, self.most = threads, most or COMPILED_SAMPLES
        self._first, self._peak, self._compiled = first, peak, switch.compiled()
        forms = [_form(layer) for layer in layers]
        none = np.empty(0, np.int32)
        self._layers = (
            np.array([len(_fours(layer.bias)) for layer in network.layers[:-1]], np.int32),
            np.array([counts is None for counts, _ in forms], np.int32),
            np.concatenate([none, *(counts for counts, _ in forms if counts is not None)]),
            np.concatenate([weights for _, weights in forms]),
            np.array([layer.multiplier for layer in layers[:-1]], np.uint32),
            np.concatenate([none, *(_fours(layer.bias.astype(np.uint32).view(np.int32)) for layer in layers[:-1])]),
            layers[-1].multiplier,
            layers[-1].bias.astype(np.int64),
        )

    def samples(self, x: Ints, y: Ints) -> NDArray[np.int32]:
        """As `siren.evaluator.Evaluator`, int32."""
        assert self._compiled is not None
        if len(x) < min(self._compiled[0].SIREN_TILE_MAX, len(y)):  # a row takes a whole tile, however short: go down
            return np.ascontiguousarray(self._rows(y, x, 1).swapaxes(0, 1))
        return self._rows(x, y, 0)

    def _rows(self, x: Ints, y: Ints, axis: int) -> NDArray[np.int32]:
        """Samples (len(y), len(x), C); axis: which one of a coordinate's two weights is that of x."""
        assert self._compiled is not None
        native, kernels = self._compiled
        weight, multiplier = self._first.weight, self._first.multiplier
        rows = fx.first_phase(weight[:, 1 - axis], multiplier, y) + self._first.bias.astype(np.uint32)[:, None]
        stride = max(len(x), native.SIREN_TILE_MAX)
        columns = np.zeros((-(-len(weight) // NEURONS) * NEURONS, stride), np.uint32)
        columns[: len(weight), : len(x)] = fx.first_phase(weight[:, axis], multiplier, x)
        out = np.empty((len(y), len(x), len(self._layers[-1])), np.int32)
        sizes = stride, len(x), len(y), 0, len(y)
        native.siren_rows(kernels, columns, _fours(rows), *sizes, *self._layers, self._peak, out)
        return out


def fits_int16(network: Network) -> bool:
    """Whether compiled kernels can take all weights."""
    return all(abs(layer.weight.astype(np.int64)).max() < 1 << 15 for layer in network.layers[1:])


def _form(layer: Layer) -> tuple[NDArray[np.int32] | None, NDArray[np.int32]]:
    """A layer as the compiled kernels take it: None, and weights packed by fours of neurons; or, where enough of them
    are 0, by neuron how many pairs of inputs it uses, (out,), and these pairs' numbers and weights, (n, 2), flat.
    """
    packed = pack_weights(layer.weight)
    assert packed is not None
    fours = packed.view(np.int32)[..., 0]  # (out / 4, pairs, 4)
    if np.count_nonzero(fours) > DENSE * fours.size:
        return None, fours.ravel()
    pairs = fours.transpose(0, 2, 1).reshape(-1, fours.shape[1])
    neuron, pair = np.nonzero(pairs)
    counts = np.bincount(neuron, minlength=len(pairs)).astype(np.int32)
    return counts, np.stack([pair.astype(np.int32), pairs[neuron, pair]], 1).ravel()


def _fours(values: NDArray[_T]) -> NDArray[_T]:
    """Values (n, …), and zeros up to whole fours."""
    return np.concatenate([values, np.zeros_like(values, shape=(-len(values) % NEURONS, *values.shape[1:]))])
