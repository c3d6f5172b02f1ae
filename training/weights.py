"""Files of a model's float weights: parameters by the names of `LatentModel`, to go on learning from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMER = {"lg": "log_gains", "rec": "reach_line", "cell.lb": "cell.b1", "cell.qb": "cell.q1"} | {
    f"ent.{part}.{was}": f"entropy.{part}.{now}"
    for part in ("luma", "chroma")
    for was, now in (("w1", "w1"), ("b1", "b1"), ("qb", "q1"), ("w2", "w2"), ("b2", "b2"), ("w3", "w3"), ("b3", "b3"))
}  # names that files of before have

Weights = dict[str, NDArray[np.float32]]


def read_weights(path: Path) -> Weights:
    """As `LatentModel.of` takes them, also of files with former names."""
    with np.load(path, allow_pickle=False) as file:
        return {FORMER.get(name, name): file[name] for name in file.files}


def write_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """What `read_weights` reads."""
    arrays: dict[str, Any] = dict(weights)
    np.savez(path, **arrays)
