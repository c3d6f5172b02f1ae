"""Going on with a prior's training on refined latents: what the networks meet in files, and plain rounding is not.

    python -m inr_core.fit.tune START.float.npz PICTURES … --out inr_core/priors/3.npz

Crops are quantised with random steps and refined as files are (see `latent`), a pool of them at a time, of all ages.
In the iterations after the first few, the gradients that refine the latents also move the networks, by Adam, and the
averaged networks of the last steps are the prior: an alternating minimisation of distortion + λ · rate, over latents
and networks. The pool is large, since a small one teaches its own pictures: with 25 crops graphics cost 9 % more. The
gains of the bands' steps stay, and with them what rounding a picture gives at first.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ..differences import ARRAYS
from ..errors import InrError
from ..latent_plan import DEAD_ZONE, TRADE
from ..latents import quantise
from ..prior import Prior, from_arrays
from .adapt import parameter_name
from .calibrate import LEVELS, SMALLEST, STEPS, Calibration, save_prior
from .export_prior import quantised_arrays
from .float_prior import State
from .latent import RefinedComponent, Refinement, share_to_change
from .latent_model import LatentModel, condition
from .pictures import find_pictures, load_pictures

CROP = 256  # pixels, the most of a crop's side
RATE, LAST_RATE, WARM_UP = 1.5e-3, 0.02, 50  # of Adam: at first, its last share, steps until it is reached
BETAS = (0.9, 0.99)
CLIP = 1.0  # largest norm of the gradients
AVERAGE = 0.01  # of a step in the averaged weights
EVEN_OUT = 0.3  # bits a pixel: crops below it count by their share less and less


@dataclass(frozen=True)
class Tuning:
    """How long and on what."""

    steps: int
    batch: int = 5  # crops a step
    pool: int = 500  # crops at a time: as many steps pass between a crop's iterations as there are batches in it
    iterations: int = 16  # of refining a crop
    unused: int = 4  # of them, the first: their gradients do not count
    rate: float = RATE
    seed: int = 0
    threads: int = 1
    device: str = "cpu"


class _Gradients:
    """Of one crop, by the arrays of a prior."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = parameters
        self.found: dict[str, Tensor] = {}

    def zeros(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name, p in self._parameters.items()}

    def collect(self, gradients: Mapping[str, Tensor]) -> None:
        self.found = {name: self.found[name] + g if name in self.found else g for name, g in gradients.items()}


class _Crop:
    """A crop while it is refined."""

    def __init__(self, model: LatentModel, prior: Prior, samples: NDArray[np.uint8], step: int, how: Refinement):
        latents = quantise(samples, prior, (3,), step, LEVELS, DEAD_ZONE)
        self.component = RefinedComponent(model, latents, 0, samples, None, how)
        self.pixels = latents.width * latents.height
        self.iterations = how.iterations
        self.age = 0

    def iterate(self, parameters: Mapping[str, Tensor] | None) -> tuple[dict[str, Tensor], float]:
        """One iteration: gradients of the logarithm of the cost by the parameters, and the cost, bits a pixel."""
        gradients = _Gradients(parameters) if parameters is not None else None
        share = share_to_change(self.age, self.iterations)
        with ThreadPoolExecutor(1) as pool:
            error, bits = self.component.iterate(pool, self.age, share, gradients)
        self.age += 1
        price = self.component.price
        cost = (error / 3 / price + bits) / self.pixels
        scale = 1 / (price * self.pixels * (EVEN_OUT + cost))
        return {name: g.mul_(scale) for name, g in gradients.found.items()} if gradients else {}, cost

    def by_condition(self, gradient: Tensor) -> Tensor:
        """From a gradient by biases (levels, n) to that by their slopes (2, n), times condition and its square."""
        told = condition(self.component.step)
        return gradient.sum(0) * torch.tensor([[told], [told**2]], device=gradient.device)


class Tuner:
    """The networks, and the pool of crops that they learn from."""

    def __init__(self, start: State, pictures: Sequence[NDArray[np.uint8]], how: Tuning) -> None:
        self.how, self.pictures = how, pictures
        self.prior = from_arrays(quantised_arrays(start))
        self.model = LatentModel.of(start).to(how.device).requires_grad_(False)
        named = dict(self.model.named_parameters())
        self.parameters = {name: named[parameter_name(name)] for name in ARRAYS}
        self._slopes = {
            name: named[parameter_name(name).rpartition(".")[0] + ".qb"] for name in ARRAYS if name[-2:] == "b1"
        }
        self._moved = [*self.parameters.values(), *self._slopes.values()]
        self._optimiser = torch.optim.Adam(self._moved, betas=BETAS)
        self._average = {name: p.clone() for name, p in named.items()}
        self._random = np.random.default_rng(how.seed)
        self._crops = [self._crop() for _ in range(how.pool)]
        self._ends = [1 + k * how.iterations // how.pool for k in range(how.pool)]  # ages: the first crops end early
        self._next = 0
        self.step = 0

    def _crop(self) -> _Crop:
        """A random one, flipped and transposed at random."""
        random = self._random
        picture = self.pictures[int(random.integers(len(self.pictures)))]
        top, left = (int(random.integers(max(1, n - CROP + 1))) for n in picture.shape[1:])
        square = picture[:, top : top + CROP, left : left + CROP]
        square = square[:, :, ::-1] if random.random() < 0.5 else square
        square = square.transpose(0, 2, 1) if random.random() < 0.5 else square
        samples = np.ascontiguousarray(square.transpose(1, 2, 0))
        step, seed = int(random.integers(STEPS[0], STEPS[1] + 1)), int(random.integers(2**31))
        how = Refinement(self.how.iterations, TRADE, seed=seed, device=self.how.device)
        return _Crop(self.model, self.prior, samples, step, how)

    def advance(self, pool: ThreadPoolExecutor) -> float:
        """One step, with an iteration of a batch of crops; their mean cost, bits a pixel."""
        count = self.how.pool
        batch = [(self._next + k) % count for k in range(self.how.batch)]
        self._next = (self._next + self.how.batch) % count

        def work(k: int) -> tuple[dict[str, Tensor], float]:
            return self._crops[k].iterate(self.parameters if self._crops[k].age >= self.how.unused else None)

        results = list(pool.map(work, batch))
        self._move([(self._crops[k], gradients) for k, (gradients, _) in zip(batch, results, strict=True) if gradients])
        for k in batch:
            if self._crops[k].age >= self._ends[k]:
                self._crops[k], self._ends[k] = self._crop(), self.how.iterations
        return sum(cost for _, cost in results) / len(results)

    def _move(self, found: Iterable[tuple[_Crop, Mapping[str, Tensor]]]) -> None:
        found = list(found)
        self.step += 1
        fall = 0.5 + 0.5 * math.cos(math.pi * self.step / self.how.steps)
        rate = self.how.rate * min(1.0, self.step / WARM_UP) * (fall * (1 - LAST_RATE) + LAST_RATE)
        if found:
            for p in self._moved:
                p.grad = torch.zeros_like(p)
            for crop, gradients in found:
                for name, gradient in gradients.items():
                    _add(self.parameters[name], gradient, len(found))
                    if name in self._slopes:
                        _add(self._slopes[name], crop.by_condition(gradient), len(found))
            torch.nn.utils.clip_grad_norm_(self._moved, CLIP)
            self._optimiser.param_groups[0]["lr"] = rate
            self._optimiser.step()
        with torch.no_grad():
            for name, value in self.model.named_parameters():
                self._average[name].lerp_(value, max(AVERAGE, 1 / (self.step + 1)))

    def state(self) -> State:
        """The averaged weights."""
        return {name: value.cpu().numpy() for name, value in self._average.items()}


def _add(parameter: Tensor, gradient: Tensor, count: int) -> None:
    assert parameter.grad is not None
    parameter.grad.add_(gradient, alpha=1 / count)


def tune(start: State, pictures: Sequence[NDArray[np.uint8]], how: Tuning) -> State:
    """The averaged weights after all steps, or after as many as Ctrl-C left time for; pictures (3, H, W).

    FormatError: a start that no prior can be made of.
    """
    tuner = Tuner(start, pictures, how)
    costs: list[float] = []
    with ThreadPoolExecutor(how.threads) as pool, tqdm(total=how.steps, unit="step", mininterval=1, delay=1) as bar:
        try:
            while tuner.step < how.steps:
                costs.append(tuner.advance(pool))
                bar.update()
                if tuner.step % 20 == 0:
                    recent = costs[-400:]
                    bar.set_postfix_str(f"distortion + λ rate {sum(recent) / len(recent):.3f} bits a pixel")
        except KeyboardInterrupt:
            print("\nstopped; writing what there is")
    return tuner.state()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    default = Tuning(steps=10_000)
    parser = argparse.ArgumentParser(prog="python -m inr_core.fit.tune", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("start", type=Path, help="float weights to start from, .npz")
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="the prior, .npz; the float weights go beside it")
    parser.add_argument("--steps", type=int, default=default.steps, help="of training (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=default.batch, help="crops a step (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=default.pool, help="crops at a time (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="of Adam, at first (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=default.threads, help="of a CPU (default: %(default)s)")
    parser.add_argument("--crops", type=int, default=64, help="to calibrate the tables on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        pictures = load_pictures(find_pictures(args.pictures), SMALLEST)
    except InrError as e:
        parser.error(str(e))
    how = Tuning(
        args.steps, args.batch, args.pool, rate=args.rate, seed=args.seed, threads=args.threads, device=args.device
    )
    with np.load(args.start, allow_pickle=False) as file:
        state = tune({name: file[name] for name in file.files}, pictures, how)
    save_prior(
        args.out, state, pictures, Calibration(args.crops, seed=args.seed, threads=args.threads, device=args.device)
    )


if __name__ == "__main__":
    main()
