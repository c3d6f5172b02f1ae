"""The errors of the format. Every message says where, what was expected and what was found."""

from __future__ import annotations


class InrError(Exception):
    """Base of every error this package raises on purpose."""


class FormatError(InrError):
    """The bytes are not a valid `.inr` file, or break one of the format's limits."""


class TruncatedError(FormatError):
    """The bytes end before the file does."""


class SettingsError(InrError, ValueError):
    """An option has a value outside its range; the message names the option, the value and the range."""


class TargetError(InrError):
    """A `target_size` or `target_psnr` cannot be reached; the message says the nearest that was."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while fitting. `data` is the complete file of the best network so far."""

    def __init__(self, data: bytes) -> None:
        super().__init__("interrupted; the best network so far was kept")
        self.data = data
