"""The core of pillow-inr: arrays of pixels ↔ bytes of the `.inr` format. Nothing here knows of Pillow.

Names are imported when first used: reading a file's header needs neither NumPy nor torch, decoding no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .container.arrival import Arrival
    from .container.chunks import SIGNATURE, Head, read_head, replace_metadata, verify
    from .container.header import Header
    from .container.metadata import Metadata, check_block, check_text
    from .container.ranges import Range
    from .decoder import Decoder, decode, describe
    from .encoder import encode
    from .errors import (
        FormatError,
        InrError,
        Interrupted,
        LimitError,
        NoTorchWarning,
        SettingsError,
        TargetError,
        TruncatedError,
        shown,
    )
    from .fileinfo import FileInfo, LayerInfo
    from .kernels.switch import backend
    from .limits import Cost, Limits
    from .metrics import BdRate, bd_rate, bpp, ms_ssim, psnr
    from .models import ExactShape, LatentShape, SirenShape
    from .modes import MODES
    from .process.interrupts import first_interrupt, signals_handled
    from .process.threads import cores
    from .settings import Progress, Settings

_HOME = {
    "container.arrival": ("Arrival",),
    "container.chunks": ("SIGNATURE", "Head", "read_head", "replace_metadata", "verify"),
    "decoder": ("Decoder", "decode", "describe"),
    "fileinfo": ("FileInfo", "LayerInfo"),
    "encoder": ("encode",),
    "errors": (
        *("FormatError", "InrError", "Interrupted", "LimitError", "SettingsError", "TargetError", "TruncatedError"),
        "NoTorchWarning",
        "shown",
    ),
    "limits": ("Cost", "Limits"),
    "container.header": ("Header",),
    "container.metadata": ("Metadata", "check_block", "check_text"),
    "process.interrupts": ("first_interrupt", "signals_handled"),
    "kernels.switch": ("backend",),
    "models": ("ExactShape", "LatentShape", "SirenShape"),
    "metrics": ("BdRate", "bd_rate", "bpp", "ms_ssim", "psnr"),
    "modes": ("MODES",),
    "container.ranges": ("Range",),
    "settings": ("Progress", "Settings"),
    "process.threads": ("cores",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "MODES",
    "SIGNATURE",
    "Arrival",
    "BdRate",
    "Cost",
    "Decoder",
    "ExactShape",
    "FileInfo",
    "FormatError",
    "Head",
    "Header",
    "InrError",
    "Interrupted",
    "LatentShape",
    "LayerInfo",
    "LimitError",
    "Limits",
    "Metadata",
    "NoTorchWarning",
    "Progress",
    "Range",
    "Settings",
    "SettingsError",
    "SirenShape",
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
    "signals_handled",
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
