"""What a user may choose when saving, each default once, every value checked before any work starts."""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .errors import SettingsError, shown
from .models import MODELS, Model

AUTO = "auto"
MODEL_CHOICES = (AUTO, *MODELS)
SPARSITIES = ("rigl", "prune", "small-dense")
TUNES = ("look", "psnr")  # of the latent model; the others know no difference
QUANTIZATIONS = ("qat", "range", "distribution", "kmeans", "float16")

MIN_TARGET_SIZE = 128  # bytes; no file of ours is smaller than its chunks

_RANGES: dict[str, tuple[float, float]] = {
    "quality": (0, 100),
    "target_size": (MIN_TARGET_SIZE, 2**31 - 1),
    "target_psnr": (1, 100),
    "effort": (0, 9),
    "threads": (1, 1024),
    "seed": (0, 2**63 - 1),
    "time_limit": (0, math.inf),
    "width": (1, 1024),
    "depth": (2, 64),
    "omega_first": (0.1, 1000),
    "omega_hidden": (0.1, 1000),
    "density": (0.001, 1),
    "bits": (4, 10),
    "steps": (0, 10_000_000),
    "batch": (256, 2**26),
}
_INTEGERS = frozenset({"target_size", "effort", "threads", "seed", "width", "depth", "bits", "steps", "batch"})
_CHOICES: dict[str, tuple[str, ...]] = {"model": MODEL_CHOICES, "sparsity": SPARSITIES, "quantization": QUANTIZATIONS}
_LOSSLESS = next(model.name for model in MODELS.values() if model.lossless)
_DEVICE = re.compile("auto|cpu|mps|cuda(:[0-9]{1,4})?")


DEFAULT_EFFORT = 5


@dataclass(frozen=True)
class Settings:
    """Options of one encode. `None` means: chosen by `quality` and `effort` (see each model's `plan`).

    Raises SettingsError, naming the option, the value and the range, when any value is not usable.
    """

    quality: float = 75  # 0 … 100; monotonic in bytes and PSNR; with 16 bits, relative to the range values use
    target_size: int | None = None  # bytes of the whole file, never exceeded
    target_psnr: float | None = None  # dB of the decoded file, reached or TargetError; the peak is Progress.psnr's
    tune: str | None = None  # one of TUNES: what errors count by; None: "psnr" with a target_psnr, else "look"
    effort: int | None = None  # 0 (no training steps) … 9; None: DEFAULT_EFFORT, or 0 where only that can be
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1", "mps"
    threads: int | None = None  # torch and decoder threads; None: all cores this process may use
    seed: int = 0
    time_limit: float | None = None  # seconds of fitting
    lossless: bool = False  # every sample comes back as it was
    model: str = AUTO  # see `save.choice`
    width: int | None = None  # neurons of each hidden layer
    depth: int | None = None  # linear layers
    omega_first: float | None = None  # frequency factor of the first sine layer (SIREN, Sitzmann et al. 2020, 3.2)
    omega_hidden: float = 30.0
    density: float | None = None  # fraction of the weights that are not zero
    bits: int | None = None  # of a quantised weight
    sparsity: str = "rigl"
    quantization: str = "qat"
    steps: int | None = None
    batch: int | None = None  # pixels a step; None: all of them if they fit the memory budget

    def __post_init__(self) -> None:
        for name in _RANGES:
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        for name, choices in _CHOICES.items():
            choice: object = getattr(self, name)
            if not isinstance(choice, str) or choice not in choices:
                raise SettingsError(f"{name}: expected one of {', '.join(choices)}, got {shown(choice)}")
        tune: object = self.tune
        if tune is not None and (not isinstance(tune, str) or tune not in TUNES):
            raise SettingsError(f"tune: expected one of {', '.join(TUNES)}, got {shown(tune)}")
        device: object = self.device
        if type(device).__name__ == "device":  # torch's own
            object.__setattr__(self, "device", device := str(device))
        if not isinstance(device, str) or not _DEVICE.fullmatch(device):
            raise SettingsError(f"device: expected auto, cpu, cuda, cuda:N or mps, got {shown(device)}")
        if self.target_size is not None and self.target_psnr is not None:
            raise SettingsError("target_size and target_psnr: expected at most one of them, got both")
        object.__setattr__(self, "lossless", _truth("lossless", self.lossless))
        if self.lossless and self.model not in (AUTO, _LOSSLESS):
            raise SettingsError(f"lossless: expected with model {_LOSSLESS!r} only, got model {self.model!r}")
        for model in MODELS.values():
            own = self._own_options(model)
            if own and (self.lossless or self.model not in (AUTO, model.name)):
                got = "lossless" if self.lossless else f"model {self.model!r}"
                raise SettingsError(f"{own[0]}: expected with model {model.name!r} only, got {got}")

    @property
    def work(self) -> int:
        """The effort, as a number."""
        return DEFAULT_EFFORT if self.effort is None else self.effort

    @property
    def look(self) -> bool:
        """Whether errors count by how they look."""
        return self.target_psnr is None if self.tune is None else self.tune == "look"

    @property
    def asked(self) -> str | None:
        """The model that is asked for, by name, by `lossless` or by an option of its own; None: it is left to us."""
        if self.model != AUTO:
            return self.model
        if self.lossless:
            return _LOSSLESS
        return next((model.name for model in MODELS.values() if self._own_options(model)), None)

    def takes(self, option: str) -> bool:
        """Whether the model asked for has this option of its own."""
        return self.asked is not None and option in MODELS[self.asked].options

    def _own_options(self, model: Model) -> list[str]:
        """The options of a model alone that are not as by default."""
        defaults = type(self).__dataclass_fields__
        return [name for name in model.options if getattr(self, name) != defaults[name].default]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Settings:
        """Settings from a mapping of option names; an unknown name is a SettingsError with the nearest known one."""
        known = [f.name for f in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                raise SettingsError(f"unknown option {shown(name)}{hint}")
        return cls(**options)


def _number(name: str, value: object) -> float | None:
    """A number of any type, NumPy's or others', as Python's int or float; SettingsError: none, or out of range."""
    if value is None and Settings.__dataclass_fields__[name].default is None:
        return None
    low, high = _RANGES[name]
    number = to_integer(value) if name in _INTEGERS else _to_float(value)
    if number is None or not low <= number <= high or (name == "time_limit" and number == 0):
        kind = "an integer" if name in _INTEGERS else "a number"
        span = f"{kind} from {low} to {high}" if high < math.inf else f"{kind} above {low}"
        raise SettingsError(f"{name}: expected {span}, got {shown(value)}")
    return number


def _truth(name: str, value: Any) -> bool:
    """True or False, NumPy's or a number's too; SettingsError: none of these."""
    with suppress(Exception):  # of whatever type
        if getattr(value, "ndim", 0) == 0:
            return bool(value if getattr(getattr(value, "dtype", None), "kind", "") == "b" else operator.index(value))
    raise SettingsError(f"{name}: expected True or False, got {shown(value)}")


def to_integer(value: Any) -> int | None:
    """A whole number of any type as Python's; None: it is none."""
    if _is_no_number(value):
        return None
    try:
        return operator.index(value)
    except Exception:  # 5.0 is an integer, too
        number = _to_float(value)
        return int(number) if number is not None and number.is_integer() else None


def _to_float(value: Any) -> float | None:
    if _is_no_number(value):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf if value > 0 else -math.inf
    except Exception:  # a type's own
        return None


def _is_no_number(value: Any) -> bool:
    """Whether it is what `float` takes but nobody means: text, truth, a complex number, an array."""
    if isinstance(value, (str, bytes, bytearray, memoryview, bool)):
        return True
    return getattr(getattr(value, "dtype", None), "kind", None) in tuple("bcmM") or getattr(value, "ndim", 0) != 0


@dataclass(frozen=True)
class Progress:
    """One report of a running fit, handed to the `progress` callable; returning False stops with what there is."""

    step: int
    steps: int
    # dB: of the current batch while fitting, of the decoded file when done, inf where all is exact. The peak is 255;
    # with 16 bits the width of the range that nearly all values use (`ranges` of the file's header, 65535 without any),
    # and outliers do not count.
    psnr: float
    bpp: float  # bits a pixel: predicted while fitting, of the written file when done
    seconds: float
    seconds_left: float
    phase: str  # "fit", "quantise" or "done"
