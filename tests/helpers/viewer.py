"""The viewer's decoder in node, without a browser: what it makes of files and of Zstandard frames."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VIEWER = ROOT / "docs" / "viewer"
PRIORS = ROOT / "inr_core" / "latent" / "priors"
NODE = shutil.which("node")


def lines_of(script: str, inputs: Iterable[bytes], priors: Path = PRIORS) -> list[dict[str, Any]]:
    """What a script of tests/viewer/ says of each input, given the networks of a folder."""
    assert NODE
    command = [NODE, str(ROOT / "tests" / "viewer" / script), str(VIEWER), str(priors)]
    together = b"".join(struct.pack("<I", len(data)) + data for data in inputs)
    done = subprocess.run(command, input=together, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]
