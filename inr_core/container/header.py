"""The header: what is known of a picture before its pixels are decoded, and the limits it must keep."""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass, field

from ..errors import FormatError, InrError, SettingsError
from ..models import MAX_PIXELS, MODELS, Model, Parameters
from ..modes import ALPHA_MODES, COLOUR_MODES, COMPONENTS, MAX_SIDE, MODE_TABLE, MODES
from .ranges import Range

# Width, height, numbers of mode, bit depth, channels and model, the model's three numbers, payload bytes.
HEAD = struct.Struct("<HHBBBBHHBI")
MODEL_NAMES = tuple(MODELS)  # by number

# modes that may have a plane beside a siren or a pyramid: all of the alpha, or the ends of the last channel; or, of
# 8 bits a sample and beside a pyramid, tiles and all of the alpha
PLANE_MODES = {
    "alpha": ALPHA_MODES,
    "ends": ("L", "I;16", *ALPHA_MODES),
    "tiles": ("L", "RGB", *ALPHA_MODES),
}
PLANE_DEPTHS = {"tiles": (8,)}  # bits a sample, where not all will do


@dataclass(frozen=True)
class Raster:
    """What a picture is, whatever codes it."""

    width: int
    height: int
    mode: str
    bit_depth: int  # 1, 8 or 16 bits a sample
    channels: int  # samples of a pixel, 1 … 4; of mode P those of a colour; of grey ones in COLOUR_MODES 1 or 2
    ranges: tuple[Range, ...] = field(default=(), kw_only=True)  # of 16-bit values, by channel; none: the whole scale
    plane: str = field(default="", kw_only=True)  # one of PLANE_MODES, which the first pixel chunk is then

    @property
    def coded(self) -> int:
        """Channels that the model makes."""
        return self.channels - self.keeps_alpha

    @property
    def components(self) -> tuple[int, ...]:
        """Planes of each component of the latent model."""
        components = COMPONENTS[self.mode]
        if self.grey:
            components = (1,) * self.channels
        elif sum(components) < self.channels:
            components = (*components, 1)
        return components[:-1] if self.keeps_alpha else components

    @property
    def alpha(self) -> bool:
        """Whether the last channel is one."""
        return self.mode in ALPHA_MODES or (self.mode == "P" and self.channels == 4)

    @property
    def keeps_alpha(self) -> bool:
        """Whether all of the alpha stands beside the model."""
        return self.alpha and self.plane in ("alpha", "tiles")

    @property
    def grey(self) -> bool:
        """Whether a sample stands for red, green and blue."""
        return self.mode in COLOUR_MODES and self.channels < 3

    @property
    def share(self) -> float:
        """The part of the scale of samples that nearly all values of a channel take, 1/4 or 1: the least of any."""
        return min((each.share for each in self.ranges), default=1.0)

    @property
    def sample_bits(self) -> int:
        """Of a decoded sample: 8, or 16."""
        return max(8, self.bit_depth)

    def header(self, parameters: Parameters) -> Header:
        """That of a file of this picture; its payload is yet to be made."""
        own = {each.name: getattr(self, each.name) for each in dataclasses.fields(Raster)}
        return Header(**own, parameters=parameters)


@dataclass(frozen=True)
class Header(Raster):
    """Everything known of a picture before its pixels are decoded. Ranges and plane have chunks of their own."""

    parameters: Parameters
    payload_bytes: int = 0  # from the first pixel chunk to the end of the file

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.parameters.model

    @property
    def row(self) -> Model:
        """What there is to know of the model."""
        return MODELS[self.model]

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of the networks that are in the file: of a siren the weights, zeros included."""
        return self.parameters.macs(self.coded)


def pack_header(header: Header) -> bytes:
    """The data of the header chunk; raises SettingsError for a header that no reader accepts."""
    check_header(header)
    numbers = MODE_TABLE[header.mode].number, header.bit_depth, header.channels, MODEL_NAMES.index(header.model)
    return HEAD.pack(header.width, header.height, *numbers, *header.parameters.numbers(), header.payload_bytes)


def parse_header(data: bytes) -> Header:
    """The header of its chunk's data, HEAD.size bytes; raises FormatError."""
    width, height, mode, bit_depth, channels, model, *numbers, payload_bytes = HEAD.unpack(data)
    for what, number, names in (("mode", mode, MODES), ("model", model, MODEL_NAMES)):
        if number >= len(names):
            raise FormatError(f"header: {what}: expected 0 to {len(names) - 1}, got {number}")
    parameters = MODELS[MODEL_NAMES[model]].parameters.of(*numbers)
    header = Header(width, height, MODES[mode], bit_depth, channels, parameters, payload_bytes)
    check_header(header, FormatError)
    return header


def check_header(header: Header, error: type[InrError] = SettingsError) -> None:
    """Raise `error` if the picture or its network is larger than a file may hold, or the mode has no such samples."""

    def limit(what: str, value: int, low: int, high: int) -> None:
        if not low <= value <= high:
            raise error(f"header: {what}: expected {low} to {high}, got {value}")

    def choice(what: str, value: int, choices: tuple[int, ...]) -> None:
        if value not in choices:
            expected = " or ".join(map(str, choices))
            raise error(f"header: {what}: expected {expected} for mode {header.mode}, got {value}")

    limit("width", header.width, 1, MAX_SIDE)
    limit("height", header.height, 1, MAX_SIDE)
    pixels = header.width * header.height
    limit("width × height", pixels, 1, MAX_PIXELS)
    choice("bit depth", header.bit_depth, MODE_TABLE[header.mode].bit_depths)
    choice("channels", header.channels, MODE_TABLE[header.mode].channels)
    limit("payload bytes", header.payload_bytes, 0, header.row.max_payload)
    plane = header.plane
    if plane and (
        plane not in header.row.planes
        or header.mode not in PLANE_MODES[plane]
        or header.bit_depth not in PLANE_DEPTHS.get(plane, (8, 16))
    ):
        raise error(f"plane of {plane}: expected none with mode {header.mode} and model {header.model}, got one")
    header.parameters.check(limit, pixels, header.coded)
