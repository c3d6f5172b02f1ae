"""`inr set`: other metadata in a `.inr` file, whose pixels stay as they are, to the byte."""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import inr_core
from inr_core import Metadata

from ..atomic import atomic_write
from ..options import to_dpi
from ..orientation import check_start, with_orientation
from .convert import for_each

Change = Callable[[Metadata], Metadata]


def set_metadata(files: Sequence[Path], output: Path | None, overwrite: bool, change: Change) -> int:
    """Write each file back with what `change` makes of its metadata, or one file to `output`; returns the exit code."""

    def one(path: Path) -> None:
        if output is not None and output.exists() and not overwrite:
            msg = f"{output} exists; pass --overwrite to replace it"
            raise FileExistsError(msg)
        old = path.read_bytes()
        new = inr_core.replace_metadata(old, change(inr_core.read_head(io.BytesIO(old)).metadata))
        if output is not None or new != old:
            with atomic_write(output or path) as fp:
                fp.write(new)

    return for_each(files, one)


def change_of(args: argparse.Namespace) -> Change:
    """What the command line asks for, its files read and all values checked; raises OSError and ValueError.

    An empty file, comment or value removes what it is for.
    """
    fields: dict[str, Any] = {}
    for name in ("exif", "icc", "xmp"):
        path: Path | None = getattr(args, name)
        if path is not None:
            fields[name] = path.read_bytes() or None
    if fields.get("exif"):
        fields["exif"] = fields["exif"].removeprefix(b"Exif\0\0")
        check_start(fields["exif"])
    if args.dpi is not None:
        fields["dpi"] = to_dpi(args.dpi)
    if args.comment is not None:
        fields["comment"] = os.fsencode(args.comment) or None
    fields = dict.fromkeys(args.remove) | fields
    texts = dict(args.text or ())
    inr_core.check_text(texts)

    def change(metadata: Metadata) -> Metadata:
        new = dataclasses.replace(Metadata() if args.strip else metadata, **fields)
        if texts:
            new = dataclasses.replace(new, text=_with_texts(new.text or {}, texts))
        if args.orientation is not None:
            new = dataclasses.replace(new, exif=with_orientation(new.exif, args.orientation))
        return new

    return change


def _with_texts(old: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str] | None:
    return {key: value for key, value in {**old, **texts}.items() if value or key not in texts} or None
