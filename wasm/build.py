"""Compile the decoder's kernels to WebAssembly: `docs/viewer/inr.wasm`, or the file named.

    python wasm/build.py [FILE]

Needs clang and wasm-ld, of LLVM 14 or newer, and nothing else: no runtime, no C library. CLANG names another compiler.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

FOLDER = Path(__file__).parent
KERNELS = FOLDER.parent / "inr_core" / "kernels"
MADE = FOLDER.parent / "docs" / "viewer" / "inr.wasm"
PYTHONS = ("arguments.h", "calls.h")  # of the kernels' headers, what calls from Python need
OPTIONS = (
    *("--target=wasm32", "-std=c11", "-O2", "-msimd128", "-mbulk-memory", "-ffreestanding", "-nostdlib"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unused-function"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576"),
)


def sources() -> int:
    """CRC-32 of everything that is compiled, line ends aside; the module knows its own."""
    paths = [*FOLDER.glob("*.[ch]"), *FOLDER.glob("include/*.h"), *KERNELS.glob("*.h")]
    found = sorted((path.name, path) for path in paths if path.name not in PYTHONS)
    return crc32(b"".join(path.read_bytes().replace(b"\r\n", b"\n") for _, path in found))


def build(made: Path) -> None:
    """Compile to the file `made`."""
    command = [os.environ.get("CLANG", "clang"), *OPTIONS, f"-I{FOLDER / 'include'}", f"-I{KERNELS}"]
    command += [f"-DSOURCES={sources()}u", "-o", str(made), *map(str, sorted(FOLDER.glob("*.c")))]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else MADE
    build(target)
    print(f"{target}: {target.stat().st_size:,} bytes")
