"""The last report of a save is of the file that it gives back, whatever else was tried."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny

from inr_core import Progress, Settings, decode, encode
from inr_core.metrics import psnr

pytest.importorskip("torch")

PHOTO = np.asarray(tiny.photograph(72, 60))
LETTERING = np.where(np.asarray(tiny.photograph(60, 48).convert("L")) > 130, 200, 40).astype(np.uint8)


@pytest.mark.parametrize(
    "options",
    [
        *({"target_psnr": target, "effort": effort} for target in (28.0, 33.5, 41.0) for effort in (0, 2)),
        *({"target_size": size, "effort": 2} for size in (700, 1500, 4000)),
        {"target_psnr": 12.0, "model": "siren", "width": 8, "depth": 3, "steps": 30},
        {},
    ],
)
def test_the_last_report_is_of_the_file(options: dict[str, Any]) -> None:
    for picture in (PHOTO, LETTERING):
        seen: list[Progress] = []
        data = encode(picture, Settings(threads=1, **options), progress=seen.append)
        last = seen[-1]
        assert last.phase == "done"
        assert last.bpp == 8 * len(data) / (picture.shape[0] * picture.shape[1])
        assert last.psnr == pytest.approx(psnr(picture, decode(data)), abs=1e-6)
