"""Parts of a picture that stand for all of it, where trying something on the whole would take too long."""

from __future__ import annotations

from ..pixels import Array

SAMPLED = 1 << 19  # pixels, about, of all parts together; a picture of no more is taken whole
SIDE = 256  # of a part, in pixels


def spread_parts(samples: Array) -> list[Array]:
    """Samples (H, W, C), or evenly spread parts (h, w, C) of those of a large picture."""
    height, width = samples.shape[:2]
    if height * width <= SAMPLED:
        return [samples]
    rows, columns = max(1, height // SIDE), max(1, width // SIDE)
    count = min(rows * columns, SAMPLED // SIDE**2)
    chosen = [divmod(k * rows * columns // count, columns) for k in range(count)]
    return [samples[y * SIDE : y * SIDE + SIDE, x * SIDE : x * SIDE + SIDE] for y, x in chosen]
