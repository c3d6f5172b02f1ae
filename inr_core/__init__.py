"""The core of pillow-inr: arrays of pixels ↔ bytes of the `.inr` format. Nothing here knows of Pillow.

Names are imported when first used: reading a file's header needs neither NumPy nor torch, decoding no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrival import Arrival
    from .container import SIGNATURE, Head, read_head, replace_metadata, verify
    from .decoder import Decoder, decode
    from .encoder import encode
    from .errors import FormatError, InrError, Interrupted, SettingsError, TargetError, TruncatedError, shown
    from .fileinfo import FileInfo, LayerInfo, describe
    from .header import Header
    from .interrupts import first_interrupt
    from .kernels.switch import backend
    from .metadata import Metadata, check_block, check_text
    from .metrics import BdRate, bd_rate, bpp, ms_ssim, psnr
    from .modes import MODES
    from .ranges import Range
    from .settings import Progress, Settings
    from .threads import cores

_HOME = {
    "arrival": ("Arrival",),
    "container": ("SIGNATURE", "Head", "read_head", "replace_metadata", "verify"),
    "decoder": ("Decoder", "decode"),
    "fileinfo": ("FileInfo", "LayerInfo", "describe"),
    "encoder": ("encode",),
    "errors": ("FormatError", "InrError", "Interrupted", "SettingsError", "TargetError", "TruncatedError", "shown"),
    "header": ("Header",),
    "metadata": ("Metadata", "check_block", "check_text"),
    "interrupts": ("first_interrupt",),
    "kernels.switch": ("backend",),
    "metrics": ("BdRate", "bd_rate", "bpp", "ms_ssim", "psnr"),
    "modes": ("MODES",),
    "ranges": ("Range",),
    "settings": ("Progress", "Settings"),
    "threads": ("cores",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "MODES",
    "SIGNATURE",
    "Arrival",
    "BdRate",
    "Decoder",
    "FileInfo",
    "FormatError",
    "Head",
    "Header",
    "InrError",
    "Interrupted",
    "LayerInfo",
    "Metadata",
    "Progress",
    "Range",
    "Settings",
    "SettingsError",
    "TargetError",
    "TruncatedError",
    "backend",
    "bd_rate",
    "bpp",
    "check_block",
    "check_text",
    "cores",
    "decode",
    "describe",
    "encode",
    "first_interrupt",
    "ms_ssim",
    "psnr",
    "read_head",
    "replace_metadata",
    "shown",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What `dir`, `help` and completion show: also what has not been used yet."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
