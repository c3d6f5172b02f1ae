"""The entropy networks of a grid's parities: from maps of what is known to keys of what each symbol follows.

One network a parity, of three layers: 3×3 neighbours, then each position by itself twice, up to 0 … 1023 in between.
Parities are coded one after the other; each sees the pairs of maps that all know, then those that earlier ones show.
Written once for NumPy and torch (`Ops`), and once for compiled kernels: the same keys to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .layers import Layers, fit_int16, packed_layers
from .ops import Ops, factors
from .pairs import Maps, PairMaps
from .strips import Strips

PARITIES = 4  # polyphase grids of a level: even or odd rows, even or odd columns
SHOWN_PAIRS = 3  # of maps, that each parity shows to later ones
RELU_MAX = 1023  # activations, in 1/32
SCALES = 64
MEAN_VALUES = 512
STRIP_POSITIONS = 1536  # evaluated at once by NumPy: scratch stays in cache
SHARED_POSITIONS = 1 << 17  # of a grid whose first layers are kept for all parities

Keys = NDArray[np.int32]
Biases = Sequence[NDArray[np.int64]]  # (out,) of each layer


class ParityKeys(Protocol):
    """The networks of all parities, over the maps of one level."""

    def keys(self, rank: int, rows: int, most: int) -> Iterator[tuple[tuple[int, int], Keys]]:
        """Scale index · 512 + mean + 256 for rows [0, rows) of the parity coded as number `rank` + 1, as
        ((first, last), keys) of strips in order, of up to `most` positions each, but for wide rows.

        (bands or more, rows · stride): rows are as long as those of the maps, and their last two keys mean nothing.
        Nothing that the parity itself shows may reach the keys of later strips: these may be there already.
        """


def parity_keys(
    layers: Sequence[Layers], biases: Sequence[Biases], maps: PairMaps, known: int, strips: Strips
) -> ParityKeys:
    """The networks by rank, ready for maps of which the first `known` pairs are what all parities know.

    The first layer's inputs stand as the maps have them, (hidden, 2·pairs, 3, 3); the last one's outputs are a scale
    index and a mean + 256 for each band in turn.
    """
    if strips.compiled is not None and all(map(fit_int16, layers)):
        return CompiledParities(layers, biases, maps, known, strips, *strips.compiled)
    return TensorParities(ParityTensors(layers, biases, known, strips.ops[0]), maps, strips)


class CompiledParities:
    """By compiled kernels."""

    def __init__(
        self,
        layers: Sequence[Layers],
        biases: Sequence[Biases],
        maps: PairMaps,
        known: int,
        strips: Strips,
        native: ModuleType,
        kernels: int,
    ) -> None:
        self._native, self._kernels = native, kernels
        self._layers = [packed_layers(*parts) for parts in zip(layers, biases, strict=True)]
        self._bands = len(biases[0][-1]) // 2
        self._maps, self._known, self._strips = maps, known, strips

    def keys(self, rank: int, rows: int, most: int) -> Iterator[tuple[tuple[int, int], Keys]]:
        """As `ParityKeys`."""
        maps = self._maps
        pairs, layers = self._known + SHOWN_PAIRS * rank, self._layers[rank]

        def work(first: int, last: int) -> Keys:
            keys = np.empty((self._bands + self._bands % 2, (last - first) * maps.stride), np.int32)
            where = pairs, maps.plane, maps.stride
            self._native.parity_keys(
                self._kernels, maps.flat, *where, *layers, first, last - first, keys, keys.shape[1]
            )
            return keys

        return self._strips.in_order(rows, maps.width, most, work)


class TensorParities:
    """By NumPy or torch."""

    def __init__(self, tensors: ParityTensors, maps: PairMaps, strips: Strips) -> None:
        self._tensors, self._maps, self._strips = tensors, maps, strips
        self._shared = self._first_layers() if maps.height * maps.width <= SHARED_POSITIONS else None

    def _first_layers(self) -> Any:
        """What all parities know gives their first layers, of a grid where that nearly fits the cache."""
        maps, tensors = self._maps, self._tensors
        ops = self._strips.ops[0]
        known = ops.put(maps.all)
        wide = PARITIES * tensors.hidden
        shared = ops.empty(wide * maps.height * maps.width).reshape(wide, maps.height * maps.width)

        def work(ops: Ops, a: int, b: int) -> None:
            shared[:, a * maps.width : b * maps.width] = tensors.shared(ops, known, a, b - a)

        self._strips.each(0, maps.height, maps.width, STRIP_POSITIONS, work)
        return shared

    def keys(self, rank: int, rows: int, most: int) -> Iterator[tuple[tuple[int, int], Keys]]:
        """As `ParityKeys`."""
        together = max(1, most // self._maps.width)
        for first in range(0, rows, together):
            last = min(first + together, rows)
            yield (first, last), self._strip(rank, first, last)

    def _strip(self, rank: int, first: int, last: int) -> Keys:
        """Of rows [first, last)."""
        maps, tensors = self._maps, self._tensors
        keys = np.empty((tensors.bands, last - first, maps.stride), np.int32)
        seen = self._strips.ops[0].put(maps.all)

        def work(ops: Ops, a: int, b: int) -> None:
            found = tensors.keys(ops, rank, seen, self._shared, a, b - a)
            keys[:, a - first : b - first, : maps.width] = ops.get(found)

        self._strips.each(first, last, maps.width, STRIP_POSITIONS, work)
        return keys.reshape(tensors.bands, -1)


class ParityTensors:
    """The networks of all parities as arrays of `Ops`, to be evaluated on `PairMaps.all`.

    The first layer is a sum of what all parities know and what earlier ones show.
    """

    def __init__(self, layers: Sequence[Layers], biases: Sequence[Biases], known: int, ops: Ops) -> None:
        self.known = known
        self.hidden, self.bands = len(layers[0][0].array), len(layers[0][2].array) // 2
        rows = [layer.array.transpose(0, 2, 3, 1) for layer, _, _ in layers]  # (hidden, 3, 3, channel)
        shift = layers[0][0].shift
        first = np.concatenate([row[..., : 2 * known].reshape(self.hidden, -1) for row in rows])
        self._known = ops.put(factors(first, np.concatenate([bias for bias, _, _ in biases]), shift))
        self._layers = []
        for row, (_, middle, last), (_, b2, b3) in zip(rows, layers, biases, strict=True):
            shown = np.ldexp(row[..., 2 * known :].reshape(self.hidden, -1).astype(np.float32), -shift)
            w2, w3 = factors(middle.array, b2, middle.shift), factors(last.array, b3, last.shift)
            self._layers.append([ops.put(weight) for weight in (shown, w2, w3)])

    def shared(self, ops: Ops, maps: Any, first: int, rows: int, ranks: slice = slice(0, PARITIES)) -> Any:
        """What all know gives the first layers of parities (parities·hidden, rows·w), float32."""
        n = rows * (maps.shape[2] - 2)
        columns = ops.scratch("columns", 9 * 2 * self.known + 1, n)
        _unfold(maps[: self.known, first : first + rows + 2], columns[:-1])
        columns[-1] = 1
        weight = self._known[ranks.start * self.hidden : ranks.stop * self.hidden]
        return ops.product(weight, columns, ops.scratch("shared", len(weight), n))

    def keys(self, ops: Ops, rank: int, maps: Any, shared: Any, first: int, rows: int) -> Any:
        """As `ParityKeys.keys`, of `rows` rows from `first` on: (bands, rows, w) float32.

        `shared` (4·hidden, h·w): of all parities; None: compute it here.
        """
        xp = ops.xp
        shown, w2, w3 = self._layers[rank]
        width = maps.shape[2] - 2
        n = rows * width
        a, b = ops.scratch("a", self.hidden + 1, n), ops.scratch("b", self.hidden + 1, n)
        if shared is None:
            given = self.shared(ops, maps, first, rows, slice(rank, rank + 1))
        else:
            given = shared[rank * self.hidden : (rank + 1) * self.hidden, first * width : first * width + n]
        if rank:
            pairs = SHOWN_PAIRS * rank
            columns = ops.scratch("columns", 9 * 2 * pairs, n)
            _unfold(maps[self.known : self.known + pairs, first : first + rows + 2], columns)
            ops.product(shown, columns, b[:-1])
            b[:-1] += given
            given = b[:-1]
        xp.floor(given, out=a[:-1])
        xp.clip(a[:-1], 0, RELU_MAX, out=a[:-1])
        a[-1] = 1
        ops.product(w2, a, b[:-1])
        xp.floor(b[:-1], out=b[:-1])
        xp.clip(b[:-1], 0, RELU_MAX, out=b[:-1])
        b[-1] = 1
        out = ops.product(w3, b, ops.scratch("a", 2 * self.bands, n))
        xp.floor(out, out=out)
        scale, mean = out[0::2], out[1::2]
        xp.clip(scale, 0, SCALES - 1, out=scale)
        xp.clip(mean, 0, MEAN_VALUES - 1, out=mean)
        scale *= MEAN_VALUES
        scale += mean
        return scale.reshape(self.bands, rows, width)


def _unfold(maps: Maps, columns: Any) -> None:
    """Maps (C / 2, rows + 2, w + 2, 2) → their 3×3 neighbourhoods (3·3·C, rows·w)."""
    pairs, rows, width = maps.shape[0], maps.shape[1] - 2, maps.shape[2] - 2
    columns = columns.reshape(3, 3, pairs, 2, rows, width)
    for half in range(2):
        for y in range(3):
            for x in range(3):
                columns[y, x, :, half] = maps[:, y : y + rows, x : x + width, half]
