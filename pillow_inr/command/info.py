"""`inr info`: everything a file says of itself, for people or as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inr_core import describe

from ..orientation import orientation_of
from .messages import Voice, say
from .sources import Source, for_each

if TYPE_CHECKING:
    from inr_core import Cost, FileInfo, Header, LayerInfo

_COLUMNS = ("layer", "shape", "nonzeros", "density", "bits", "kind", "mask", "symbols", "biases")


def show(sources: Sequence[Source], as_json: bool, voice: Voice) -> int:
    """Print what is in each file; returns the exit code."""
    collected: list[dict[str, Any]] = []

    def one(source: Source) -> None:
        data = source.read_inr()
        facts = describe(data)
        if as_json:
            collected.append(to_json(source, data, facts))
        else:
            for line in to_lines(source, data, facts):
                say(line)

    code = for_each(sources, one, voice)
    if as_json:
        for line in json.dumps(collected, indent=2).splitlines():
            say(line)
    return code


def to_json(source: Source, data: bytes, facts: FileInfo) -> dict[str, Any]:
    """All facts under their own names; metadata as numbers of bytes, but for numbers and text."""
    head = facts.head
    return {
        "file": str(source),
        "bytes": len(data),
        "bpp": 8 * len(data) / (head.header.width * head.header.height),
        "header": {"model": head.header.model, **dataclasses.asdict(head.header)},
        "network": facts.network,
        "metadata": _metadata(facts),
        "palette_colours": None if head.palette is None else len(head.palette),
        "macs": facts.macs,
        "cost": {**dataclasses.asdict(facts.cost), "seconds": facts.cost.seconds},
        "moved_weights": facts.moved,
        "moved_bytes": facts.moved_bytes,
        "layers": [dataclasses.asdict(layer) for layer in facts.layers],
        "parts": [dataclasses.asdict(part) for part in facts.parts],
        "chunks": [{"type": kind, "offset": offset, "bytes": length} for kind, offset, length in facts.chunks],
    }


def to_lines(source: Source, data: bytes, facts: FileInfo) -> list[str]:
    """The same for a terminal."""
    header = facts.head.header
    metadata = ", ".join(_amount(name, value) for name, value in _metadata(facts).items()) or "none"
    chunks = ", ".join(f"{kind} {length:,} at {offset}" for kind, offset, length in facts.chunks)
    grey = ", all of it grey" if header.grey else ""
    palette = [] if facts.head.palette is None else [f"  palette   {len(facts.head.palette)} colours"]
    lines = [
        f"{source}: {len(data):,} bytes, {8 * len(data) / (header.width * header.height):.3f} bpp",
        f"  picture   {header.width}x{header.height}, {header.mode}{grey}, {header.bit_depth} bits a sample",
        *palette,
        *_ranges(header),
        f"  network   {facts.network}",
        f"  cost      {_cost(facts.cost)}",
        f"  metadata  {metadata}",
        *_readable(facts),
        f"  chunks    {chunks}",
    ]
    if not facts.layers:
        return lines
    rows = [_COLUMNS, *map(_row, facts.layers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = (zip(row, widths, strict=True) for row in rows)
    return [*lines, *("  " + "  ".join(cell.rjust(width) for cell, width in row) for row in table)]


def _cost(cost: Cost) -> str:
    """Of decoding, in a line."""
    amounts = {"multiply-adds": cost.macs, "sines": cost.sines, "questions": cost.questions + cost.plain_questions}
    counted = ", ".join(f"{number:,} {what}" for what, number in amounts.items() if number)
    seconds = f"{cost.seconds:,.3f}" if cost.seconds >= 0.001 else "less than 0.001"
    most = " at the most" if cost.unsure else ""
    return f"{seconds} nominal core-seconds{most}{' for ' * bool(counted)}{counted}"


def _ranges(header: Header) -> list[str]:
    """The values that a picture of 16 bits uses, one line for all channels that share them."""
    lines = []
    for each in dict.fromkeys(header.ranges):
        channels = [str(k) for k, other in enumerate(header.ranges) if other == each]
        which = "" if len(channels) == header.channels else f" in channel {', '.join(channels)}"
        below, above = each.outliers
        ends = [(each.lowest, each.lower)] * below + [(each.higher, each.highest)] * above
        few = " and ".join(f"{a:,}" if a == b else f"{a:,} … {b:,}" for a, b in ends)
        lines.append(f"  range     {each.low:,} … {each.high:,}{which}{', outliers ' * any(each.outliers)}{few}")
    return lines


def _row(layer: LayerInfo) -> tuple[str, ...]:
    return (
        layer.name,
        "x".join(map(str, layer.shape)),
        f"{layer.nonzeros:,}",
        f"{layer.density:.1%}",
        str(layer.bits),
        layer.kind,
        f"{layer.mask_bytes:,.0f} {layer.mask_coder}",
        f"{layer.symbol_bytes:,.0f} {layer.symbol_coder}",
        f"{layer.bias_bytes:,.0f}",
    )


def _metadata(facts: FileInfo) -> dict[str, Any]:
    metadata = facts.head.metadata
    sizes = {name: getattr(metadata, name) for name in ("exif", "icc", "xmp", "comment")}
    found: dict[str, Any] = {name: len(value) for name, value in sizes.items() if value is not None}
    if metadata.dpi is not None:
        found["dpi"] = list(metadata.dpi)
    if orientation := orientation_of(metadata.exif):
        found["orientation"] = orientation
    if metadata.text is not None:
        found["text"] = dict(metadata.text)
    return found


def _amount(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name} " + "x".join(f"{number:g}" for number in value)
    if isinstance(value, dict):
        return f"{name} {len(value)}"
    return f"{name} {value}" if name == "orientation" else f"{name} {value:,} bytes"


def _readable(facts: FileInfo) -> list[str]:
    """Comment and text, a line each; what is long is cut, what a terminal would obey is escaped when it is said."""
    metadata = facts.head.metadata
    comment = [] if metadata.comment is None else [("comment", metadata.comment.decode("utf-8", "backslashreplace"))]
    lines = [*comment, *(("text", f"{key}: {value}") for key, value in (metadata.text or {}).items())]
    return [f"  {name:<10}{text[:200]}{'…' if len(text) > 200 else ''}" for name, text in lines]
