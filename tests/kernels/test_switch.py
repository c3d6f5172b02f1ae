"""Which kernels are used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import inr_core
from inr_core import SettingsError
from inr_core.kernels import switch


def test_the_environment_says_which_kernels_are_used() -> None:
    code = "import inr_core, numpy; print(inr_core.backend)"

    def run(name: str | None) -> str:
        environment = {k: v for k, v in os.environ.items() if k != switch.VARIABLE}
        environment |= {} if name is None else {switch.VARIABLE: name}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    assert run("numpy") == "numpy"
    assert run(None) == run("") == switch.available()[-1]
    assert run(switch.available()[-1]) == switch.available()[-1]
    assert run("fast").endswith(f"PILLOW_INR_KERNELS: expected one of {', '.join(switch.available())}, got 'fast'")
    command = [sys.executable, "-m", "pillow_inr", "--version"]
    environment = {**os.environ, switch.VARIABLE: "fast"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "PILLOW_INR_KERNELS: expected one of numpy" in done.stderr
    with pytest.raises(SettingsError, match="kernels: expected one of numpy"), switch.using("fast"):
        pass
    assert inr_core.backend in switch.available()


def test_where_there_are_no_vectors_numpy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    for levels, chosen in ((["plain"], "numpy"), (["plain", "baseline"], "baseline"), ([], "numpy")):
        monkeypatch.setattr(switch, "_LEVELS", levels)
        assert switch._chosen() == chosen
    monkeypatch.setattr(switch, "_LEVELS", ["plain"])
    monkeypatch.setenv(switch.VARIABLE, "plain")
    assert switch._chosen() == "plain"
