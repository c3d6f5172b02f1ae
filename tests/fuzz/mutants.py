"""Mutated files by number: mutant k of a seed is the same file on every machine. Counts outcomes, saves findings.

    python tests/fuzz/mutants.py 1000000 --workers 2 --state build/mutants.json --findings build/findings

Stops where it was told to and goes on from there when called again with the same state file. Every mutant is read by
`inr_core`, and every eighth by one of Pillow's ways too; workers have a limit of memory, and each read one of time.
Exit code 1: something was found.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing as mp
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from fieldmap import field_map
from little_work import Finding
from mutator import mutate
from outcomes import limit_memory, made_once, read
from seeds import kind, seeds, wild

from inr_core.kernels import switch

BLOCK = 250  # mutants handed to a worker at once
MEMORY = 400 * 2**20  # bytes beyond what a worker has when it begins
STUCK = 60.0  # seconds without a mutant done: a hang that no alarm interrupts
WILD_SHARE = 0.04  # of mutants, those of files that are made for them: half of these are not mutated at all
CONTEXT: Any = mp.get_context("fork" if "fork" in mp.get_all_start_methods() else None)  # workers share the seeds
PILLOW_SHARE = 8  # every so many mutants go through Pillow too
MADE_OF = "made of: "
both = False  # whether every mutant is read by NumPy, too, and what comes of it must be the same


@dataclass
class State:
    """What is done so far."""

    seed: int
    done: int = 0  # mutants 0 … done − 1
    seconds: float = 0.0
    slowest: float = 0.0  # seconds of CPU time of one mutant, all its reads
    slowest_mutant: int = 0
    peak_bytes: int = 0  # of resident memory, of any worker
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def mutant(seed: int, number: int) -> tuple[bytes, random.Random, bool, str]:
    """Mutant `number` of a seed, the chance that goes on with how it is read, whether it is legal for certain, and what
    kind of file it is made of.
    """
    rng = random.Random(f"{seed} {number}")
    files = seeds()
    if rng.random() < WILD_SHARE:
        data = wild(rng.getrandbits(32))
        legal = rng.random() < 0.5
        return data if legal else mutate(data, rng, rng.sample(files, 3)), rng, legal, kind(data)
    data = rng.choice(files)
    return mutate(data, rng, rng.sample(files, 3)), rng, False, kind(data)


def check(seed: int, number: int) -> tuple[bytes, list[str]]:
    """A mutant and its outcomes, of which one is what it is made of; the last is a finding if it is one."""
    data, rng, legal, source = mutant(seed, number)
    made, again = f"{MADE_OF}{source}", random.Random()
    again.setstate(rng.getstate())
    try:
        outcomes = read(data, rng if number % PILLOW_SHARE == 0 else None)
        if both:
            _read_by_numpy(data, again if number % PILLOW_SHARE == 0 else None, outcomes)
        if legal and not outcomes[0].startswith("core: decoded"):
            raise Finding(f"a legal file: {outcomes[0]}")
        return data, [outcomes[0], made, *outcomes[1:]]
    except Finding as e:
        return data, [made, f"FINDING {e}"]


def _read_by_numpy(data: bytes, rng: random.Random | None, outcomes: list[str]) -> None:
    """Finding: it comes to something else. What the mixing coder made may be too much for it, or cost too much."""
    with switch.using(switch.NUMPY):
        others = read(data, rng)
    if others[0].startswith("core: structure read") or "limited" in outcomes[-1]:
        others = outcomes
    if others != outcomes:
        raise Finding(f"{outcomes}, but by NumPy {others}")


def work(connection: Connection, place: Any, seed: int) -> None:
    """Do blocks of mutants until told None; `place` says which mutant is being read."""
    import resource

    for number in range(-40, 0):  # what reading needs to import, and caches, does not count as memory
        check(seed, number)
    gc.freeze()  # the seeds and what is imported: not looked through again and again
    limit_memory(MEMORY)
    with made_once():
        while (block := connection.recv()) is not None:
            counts: Counter[str] = Counter()
            found: list[tuple[int, str, bytes]] = []
            slowest = 0.0, block[0]
            for number in range(*block):
                place.value = number
                started = time.process_time()
                data, outcomes = check(seed, number)
                slowest = max(slowest, (time.process_time() - started, number))
                counts.update(outcomes)
                if outcomes[-1].startswith("FINDING"):
                    found.append((number, outcomes[-1], data))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            connection.send((block, counts, found, slowest, peak))


class Worker:
    """A process that reads mutants, and what it was given."""

    def __init__(self, seed: int) -> None:
        self.connection, other = CONTEXT.Pipe()
        self.place = CONTEXT.Value("q", -1, lock=False)
        self.process = CONTEXT.Process(target=work, args=(other, self.place, seed), daemon=True)
        self.process.start()
        other.close()
        self.block: tuple[int, int] | None = None
        self.seen, self.since = -1, time.monotonic()

    def give(self, block: tuple[int, int] | None) -> None:
        self.connection.send(block)
        self.block = block

    def stuck(self) -> bool:
        if self.place.value != self.seen:
            self.seen, self.since = self.place.value, time.monotonic()
        return self.block is not None and time.monotonic() - self.since > STUCK


def run(state: State, until: int, workers: int, findings: Path, save: Path | None, every: float = 10.0) -> None:
    """Go on to mutant `until`. A worker that dies or hangs is a finding, and is replaced after that mutant."""
    todo = [(at, min(at + BLOCK, until)) for at in range(state.done, until, BLOCK)][::-1]
    finished: dict[int, tuple[int, Any]] = {}  # by the block's start: those before the first gap are in `state`
    for data in seeds():
        field_map(data)  # once, before processes are forked
    pool = [Worker(state.seed) for _ in range(min(workers, len(todo)))]
    started, before, told = time.monotonic(), state.seconds, time.monotonic()
    while todo or any(w.block for w in pool):
        for w in pool:
            if w.block is None and todo:
                w.give(todo.pop())
        ready = wait([w.connection for w in pool if w.block], timeout=5.0)
        for k, w in enumerate(pool):
            try:
                if w.connection in ready:
                    block, *result = w.connection.recv()
                    finished[block[0]] = block[1], result
                    w.block = None
                    continue
            except EOFError:
                pass
            if w.block and (not w.process.is_alive() or w.stuck()):
                number, (first, last) = w.place.value, w.block
                reason = "hang" if w.process.is_alive() else f"crash, exit code {w.process.exitcode}"
                w.process.kill()
                _keep(state, findings, number, f"FINDING {reason}", mutant(state.seed, number)[0])
                todo += [(number + 1, last)] if number + 1 < last else []
                todo += [(first, number)] if first < number else []  # its outcomes died with it
                finished[number] = number + 1, (Counter([f"FINDING {reason}"]), [], (0.0, number), 0)
                pool[k] = Worker(state.seed)
        while state.done in finished:
            state.done = _merge(state, findings, *finished.pop(state.done))
        state.seconds = before + time.monotonic() - started
        if time.monotonic() - told > every or not todo:
            told = time.monotonic()
            rate = (state.done) / max(state.seconds, 0.01)
            print(f"{state.done} mutants, {rate:.0f}/s, {len(state.outcomes)} outcomes, "
                  f"{len(state.findings)} findings", file=sys.stderr)  # fmt: skip
            if save:
                _save(state, save)
    for w in pool:
        w.give(None)
        w.process.join()
    if save:
        _save(state, save)


def _merge(state: State, findings: Path, end: int, result: Any) -> int:
    counts, found, slowest, peak = result
    for outcome, count in counts.items():
        state.outcomes[outcome] = state.outcomes.get(outcome, 0) + count
    for number, what, data in found:
        _keep(state, findings, number, what, data)
    if slowest[0] > state.slowest:
        state.slowest, state.slowest_mutant = slowest
    state.peak_bytes = max(state.peak_bytes, peak)
    return end


def _keep(state: State, findings: Path, number: int, what: str, data: bytes) -> None:
    findings.mkdir(parents=True, exist_ok=True)
    (findings / f"{state.seed}_{number}.inr").write_bytes(data)
    state.findings.append(f"{number}: {what}")
    print(f"mutant {number}: {what}", file=sys.stderr)


def _save(state: State, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state), indent=1, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)


def loaded(path: Path | None, seed: int) -> State:
    """What a file says is done, or nothing yet of a seed."""
    return State(**json.loads(path.read_text(encoding="utf-8"))) if path and path.is_file() else State(seed)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print a summary, return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("mutants", type=int, help="how many in all, those of earlier runs included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--state", type=Path, help="JSON file to go on from")
    parser.add_argument("--findings", type=Path, default=Path("build/findings"))
    parser.add_argument("--both", action="store_true", help="read every mutant by NumPy, too: the same must come of it")
    parser.add_argument("--list", action="store_true", help="print every outcome and how often it came")
    args = parser.parse_args(argv)
    global both  # noqa: PLW0603 - workers are forked
    both = args.both
    state = loaded(args.state, args.seed)
    if state.seed != args.seed:
        parser.error(f"{args.state}: expected seed {args.seed}, got {state.seed}")
    run(state, args.mutants, args.workers, args.findings, args.state)
    if args.list:
        for outcome, count in sorted(state.outcomes.items(), key=lambda item: -item[1]):
            print(f"{count:8} {outcome}")
    core = {o: n for o, n in state.outcomes.items() if o.startswith("core")}
    decoded = sum(n for o, n in core.items() if o.startswith("core: decoded"))
    kinds = {o.removeprefix(MADE_OF): n for o, n in sorted(state.outcomes.items()) if o.startswith(MADE_OF)}
    print(f"{state.done} mutants of seed {state.seed}: {decoded} decoded, {len(core)} distinct outcomes of the core, "
          f"{len(state.outcomes) - len(core) - len(kinds)} of Pillow, {len(state.findings)} findings")  # fmt: skip
    print("made of: " + ", ".join(f"{count} {name}" for name, count in kinds.items()))
    print(f"slowest {state.slowest:.2f} s (mutant {state.slowest_mutant}), most memory {state.peak_bytes / 2**20:.0f} "
          f"MiB, {state.seconds:.0f} s")  # fmt: skip
    return 1 if state.findings else 0


if __name__ == "__main__":
    sys.exit(main())
