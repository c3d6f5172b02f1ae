"""Coverage-guided fuzzing of the reader with atheris, which mutates through `mutator`. Arguments are libFuzzer's.

    python tests/fuzz/fuzz_decode.py build/fuzz/corpus -max_total_time=300

The seeds are written to the corpus folder if it is empty; what reached more of the code is kept there, and the next run
goes on from it. Whatever is not one of the promised errors ends the run, and libFuzzer writes the file to the folder of
-artifact_prefix. Without atheris, `mutants` runs for the same time, from where it stopped.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped]  # not a dependency, even of the tests
except ImportError:
    atheris = None

SEED_SECONDS = 300.0  # where no -max_total_time is given
MAX_BYTES = 4096  # of a mutant


def main(arguments: list[str]) -> int:
    """Fuzz until libFuzzer ends it; the exit code where atheris is missing."""
    folders = [Path(a) for a in arguments if not a.startswith("-")]
    if atheris is None:
        print("atheris is not installed (pip install atheris): unguided mutants instead", file=sys.stderr)
        return _unguided(_option(arguments, "-max_total_time", SEED_SECONDS), _option(arguments, "-seed", 0))
    with atheris.instrument_imports(include=["inr_core", "pillow_inr"]):
        import mutator
        import outcomes
        import seeds
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            for data in seeds.seeds():
                (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.1:
            return bytes(atheris.Mutate(data, max_size))
        files = seeds.seeds()
        data = data if data[:8] == files[0][:8] else rng.choice(files)
        return mutator.mutate(data, rng, rng.sample(files, 3))[:max_size]

    def test(data: bytes) -> None:
        chance = random.Random(data)
        outcomes.read(data, chance if chance.random() < 0.1 else None)

    with outcomes.made_once():
        atheris.Setup([sys.argv[0], f"-max_len={MAX_BYTES}", *arguments], test, custom_mutator=mutate)
        atheris.Fuzz()
    return 0


def _option(arguments: list[str], name: str, default: float) -> float:
    values = [float(a.split("=", 1)[1]) for a in arguments if a.startswith(name + "=")]
    return values[-1] if values else default


def _unguided(seconds: float, seed: float) -> int:
    from mutants import loaded, run

    path = Path(f"build/fuzz_{int(seed)}.json")
    state, ends = loaded(path, int(seed)), time.monotonic() + seconds
    known = len(state.findings)
    while time.monotonic() < ends and len(state.findings) == known:
        run(state, state.done + 2000, 1, Path("build/findings"), path)
    print(f"{state.done} mutants, {len(state.outcomes)} distinct outcomes, {len(state.findings)} findings")
    return 1 if len(state.findings) > known else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
