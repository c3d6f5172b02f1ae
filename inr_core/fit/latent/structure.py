"""How much structure errors destroy: SSIM of what eyes see, over several scales, and its gradients by hand.

1 − SSIM of samples against those they should be (Z. Wang et al., 2004), with the luminance term of SSIMULACRA2
(J. Sneyers, 2023), in the planes of XYB as JPEG XL has them, on grids 1/2 … 1/16 as large as the samples. A sample's
square stands for linear light.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .band_products import blur, blur_back

SCALES = (2.25, 2.0, 1.0, 0.5)  # weights of grids half as large as the samples, a quarter, …
CHROMA = 0.05  # weight of X and of B, of luma's
SMALLEST = 8  # rows and columns of a grid that is looked at, at least
CONSTANT = 0.03**2  # beside variances
_BELL = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
WINDOW = tuple((_BELL / _BELL.sum()).tolist())  # taps: a Gaussian of 1.5 positions
BIAS = 0.0037930732552754493  # of what the eye's cells see
# from linear red, green and blue to what L, M and S cells see; from the cube roots of that to X, Y and B
CELLS = ((0.3, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
XYB = ((7.0, -7.0, 0.0), (0.5, 0.5, 0.0), (-0.5, -0.5, 1.0))


def structure_slope(samples: Tensor, wanted: Tensor) -> Tensor:
    """Gradients of how much structure of `wanted` samples lack, by them; both (3 or 1, h, w), of 0 … 1."""
    cells, planes, weights = _eyes(len(samples), samples.device)
    slopes: list[Tensor] = []
    light, aim = samples.square(), wanted.square()
    for scale in SCALES:
        if min(light.shape[1:]) < 2 * SMALLEST:
            break
        light, aim = (avg_pool2d(x[None], 2)[0] for x in (light, aim))  # of an odd number the last one is left out
        roots, aims = (_through(cells, x).add_(BIAS).pow_(1 / 3) for x in (light, aim))
        slope = _dissimilarity_slope(_through(planes, roots), _through(planes, aims), scale * weights)
        slopes.append(_through(cells.T, _through(planes.T, slope).div_(roots.square_().mul_(3))))
    grids = [torch.zeros_like(samples), *slopes]
    for fine, coarse in reversed([*pairwise(grids)]):
        _spread(coarse, fine)
    return grids[0].mul_(samples).mul_(2)


def _spread(slope: Tensor, into: Tensor) -> None:
    """Add gradients by a grid's means of four to those by the grid twice as fine."""
    height, width = 2 * slope.shape[1], 2 * slope.shape[2]
    fine = into[:, :height, :width]
    by_four = torch.unflatten(torch.unflatten(fine, 2, (-1, 2)), 1, (-1, 2))
    by_four.add_(slope[:, :, None, :, None], alpha=0.25)


def _dissimilarity_slope(x: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Gradients by x of 1 − SSIM of planes (planes, h, w), weighted by plane, the mean of all positions."""
    count = len(x)
    means = blur(torch.cat([x, wanted, x * x, wanted * wanted, x * wanted]), WINDOW)
    mean, aim, square, aim_square, product = torch.split(means, count)
    apart = aim - mean
    light = 1 - apart * apart
    spread = square - mean * mean + (aim_square - aim * aim) + CONSTANT
    likeness = (2 * (product - mean * aim) + CONSTANT).div_(spread)
    each = weights[:, None, None] / (x.shape[1] * x.shape[2])
    by_product = light.mul_(-2 * each).div_(spread)
    by_square = by_product * likeness * -0.5
    by_mean = likeness.mul_(apart).mul_(-2 * each).sub_(by_product * aim).sub_(by_square * mean, alpha=2)
    slopes = blur_back(torch.cat([by_mean, by_product, by_square]), WINDOW)
    back_mean, back_product, back_square = torch.split(slopes, count)
    return back_mean.addcmul_(wanted, back_product).addcmul_(x, back_square, value=2)


def _through(matrix: Tensor, x: Tensor) -> Tensor:
    """Planes (n, h, w) mixed by a matrix (m, n)."""
    return torch.mm(matrix, x.flatten(1)).view(len(matrix), *x.shape[1:])


@lru_cache(8)
def _eyes(planes: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """CELLS, XYB, and the weights of the planes; of grey samples luma alone."""
    found = (CELLS, XYB, (CHROMA, 1.0, CHROMA)) if planes == 3 else (((1.0,),), ((1.0,),), (1.0,))
    cells, mixed, weights = (torch.from_numpy(np.array(values, np.float32)).to(device) for values in found)
    return cells, mixed, weights
