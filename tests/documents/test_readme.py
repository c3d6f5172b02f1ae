"""README's example of `inr_core` runs, whatever the picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inr_core

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("shape", [(1, 1), (1, 7, 3), (20, 3, 2), (9, 12, 4)])
def test_the_example_of_the_core(shape: tuple[int, ...]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (block for block in blocks if "import inr_core" in block)
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    names: dict[str, Any] = {"array": array}
    exec(example, names)
    assert inr_core.decode(names["data"]).shape == array.shape
