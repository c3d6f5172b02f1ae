"""Run the tests in two processes at once, half of the folders each: first is shown what one says, then what the other.

python tests/side_by_side.py                  all tests but the slow ones
python tests/side_by_side.py -m slow          those
python tests/side_by_side.py -x tests/fit     what pytest is told to, in one process
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parent
HERE = ("bench", "codec", "documents", "fit", "kernels")  # about half of the time; beside it: every other folder
NO_TESTS, INTERRUPTED = 5, 130  # exit codes, pytest's and the shell's


def halves() -> tuple[list[str], list[str]]:
    """All folders that hold tests."""
    folders = sorted({path.parent for path in TESTS.rglob("test_*.py")})
    here = [str(folder) for folder in folders if folder.name in HERE]
    return here, [str(folder) for folder in folders if folder.name not in HERE]


def main(arguments: Sequence[str]) -> int:
    """The exit code of the tests; an interrupt ends both halves."""
    command, root = [sys.executable, "-m", "pytest", "-q", *arguments], TESTS.parent
    if any((root / word.split("::")[0]).exists() for word in arguments):
        return subprocess.run(command, cwd=root, check=False).returncode
    here, beside = halves()
    with tempfile.TemporaryFile() as said:
        other = subprocess.Popen([*command, *beside], cwd=root, stdout=said, stderr=subprocess.STDOUT)
        try:
            codes = {subprocess.run([*command, *here], cwd=root, check=False).returncode, other.wait()}
        except KeyboardInterrupt:
            codes = {INTERRUPTED}
            other.wait()  # the terminal has interrupted it, too
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
    return max(codes - {NO_TESTS} or codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
