"""Random crops of pictures that lie on the device, and what else a step is drawn with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

STEPS_RANGE = (3 / 255, 80 / 255)  # quantisation steps trained for, shares of the samples' range
DEAD_ZONES = (0.55, 0.7)  # from which distance to zero on a value is rounded away from it


@dataclass(frozen=True)
class Batch:
    """What one step is made with."""

    rgb: Tensor  # (B, 3, crop, crop) in [−1/2, 1/2]
    step: Tensor  # of quantisation, each crop's own: (B, 1, 1, 1), a share of the samples' range
    dead_zone: Tensor  # (B, 1, 1, 1)


class Batches:
    """Draws crops: the numbers on the host, a few for each crop, the samples on the device.

    So nothing large is copied, and a recorded step finds what was drawn in memory that stays.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], batch: int, crop: int, seed: int, device: torch.device):
        self.random = np.random.default_rng(seed)
        self._batch, self._crop = batch, crop
        self._sides = np.array([picture.shape[1:] for picture in pictures])
        self._starts = np.cumsum([0, *(picture.size for picture in pictures[:-1])])
        flat = np.concatenate([picture.reshape(-1) for picture in pictures])
        self._samples = torch.from_numpy(flat).to(device)
        self._places = torch.zeros(5, batch, dtype=torch.int64, device=device)  # start, plane, width, flip, transpose
        self._levels = torch.zeros(2, batch, dtype=torch.float32, device=device)  # step, dead zone
        self._along = torch.arange(crop, device=device)
        self._channels = torch.arange(3, device=device)

    def draw(self) -> None:
        """The next crops."""
        random, count, crop = self.random, self._batch, self._crop
        chosen = random.integers(len(self._sides), size=count)
        heights, widths = self._sides[chosen].T
        top, left = random.integers(heights - crop + 1), random.integers(widths - crop + 1)
        start = self._starts[chosen] + top * widths + left
        flip, transpose = random.integers(2, size=(2, count))
        self._places.copy_(torch.from_numpy(np.stack([start, heights * widths, widths, flip, transpose])))
        low, high = map(math.log, STEPS_RANGE)
        step = np.exp(random.uniform(low, high, count))
        levels = np.stack([step, random.uniform(*DEAD_ZONES, count)]).astype(np.float32)
        self._levels.copy_(torch.from_numpy(levels))

    def batch(self) -> Batch:
        """What was drawn; crops are mirrored and transposed at random."""
        start, plane, width, flip, transpose = self._places[:, :, None, None]
        y, x = self._along[:, None], self._along
        row, column = torch.where(transpose > 0, x, y), torch.where(transpose > 0, y, x)
        column = torch.where(flip > 0, self._crop - 1 - column, column)
        places = (start + row * width + column)[:, None] + self._channels[:, None, None] * plane[:, None]
        step, dead_zone = self._levels[:, :, None, None, None]
        return Batch(self._samples[places].float() / 255 - 0.5, step, dead_zone)
