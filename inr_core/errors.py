"""The errors of the format. Every message says where, what was expected and what was found."""

from __future__ import annotations


class InrError(Exception):
    """Base of every error this package raises on purpose."""


class FormatError(InrError):
    """The bytes are not a valid `.inr` file, or break one of the format's limits."""


class TruncatedError(FormatError):
    """The bytes end before the file does."""


class LimitError(InrError):
    """The file may be legal, but reading it would cost more than the caller's `Limits` allow."""


class SettingsError(InrError, ValueError):
    """An option has a value outside its range; the message names the option, the value and the range."""


class TargetError(InrError):
    """A `target_size` or `target_psnr` cannot be reached; the message says the nearest that was."""


class NoTorchWarning(UserWarning):
    """There is no torch, so a picture was saved with effort 0; the message says why there is none."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while fitting. `data` is the complete file of the best network so far."""

    def __init__(self, data: bytes) -> None:
        super().__init__("interrupted; the best network so far was kept")
        self.data = data


_SHOWN = 100  # characters of a value that a message quotes


def shown(value: object) -> str:
    """A value as messages quote it: its repr, cut where that is long, whatever its repr does."""
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]!r}…"
    try:
        text = repr(value)
    except Exception:  # an integer of too many digits, or someone else's class
        text = f"a {type(value).__name__}"
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}…"
