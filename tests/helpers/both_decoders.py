"""The package's decoder beside the one that is written from FORMAT.md alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference_decoder as reference
from reference_coding import Refused

from inr_core import FormatError, decode


def same_outcome(data: bytes) -> bool:
    """Whether both decoders refuse a file; its pixels are the same if they do not."""
    results: list[Any] = []
    for read, error in (
        (lambda: decode(data, threads=1).tolist(), FormatError),
        (lambda: reference.decode(data), Refused),
    ):
        try:
            results.append(read())
        except error:
            results.append(None)
    package, document = results
    assert (package is None) == (document is None)
    assert package is None or np.array_equal(np.ravel(package), np.ravel(document))
    return package is None
