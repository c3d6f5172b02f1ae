"""The header: what is known of a picture before its pixels are decoded, and the limits it must keep."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import FormatError, InrError, SettingsError
from ..modes import ALPHA_MODES, COMPONENTS, MAX_SIDE, MODE_TABLE, MODES
from .ranges import Range

HEAD = struct.Struct("<HHBBBBHHBI")  # the fields of Header in order; mode and model as numbers
MODELS = ("siren", "latent", "exact")

MAX_PIXELS = 2**28
MAX_HIDDEN = 1024
MAX_LAYERS = 64
MAX_WEIGHTS = 2**22  # zeros included
MAX_WORK = 2**42  # multiply-adds of the whole picture
MAX_PAYLOAD = {  # bytes
    "siren": 2**24,  # MAX_WEIGHTS weights, at 16 bits and with a mask, need little more than half
    "latent": 2**28,
    "exact": 3 * 2**30,  # MAX_PIXELS of four samples of 16 bits, and what storing them adds
}
MAX_LATENT_PIXELS = 2**26  # they are decoded whole
MAX_STEP = 255
MAX_LEVELS = 16

PLANE_MODES = {  # that may have a plane beside a siren or a pyramid: all of the alpha, or the ends of the last channel
    "alpha": ALPHA_MODES,
    "ends": ("L", "I;16", *ALPHA_MODES),
}


@dataclass(frozen=True)
class Header:
    """Everything known of a picture before its pixels are decoded."""

    width: int
    height: int
    mode: str
    bit_depth: int  # 1, 8 or 16 bits a sample
    channels: int  # outputs of the network, 1 … 4
    model: str
    prior: int  # 0: none
    hidden: int  # neurons of each hidden layer; latent: the index of the quantisation step; exact: 0
    layers: int  # linear layers; latent: levels of the pyramid; exact: 0
    payload_bytes: int  # from the first pixel chunk to the end of the file
    ranges: tuple[Range, ...] = ()  # of 16-bit values, by channel, in a chunk of their own; none: the whole scale
    plane: str = ""  # one of PLANE_MODES, which the first pixel chunk is then; not in the header's own chunk

    @property
    def coded(self) -> int:
        """Channels that the model makes."""
        return self.channels - (self.plane == "alpha")

    @property
    def components(self) -> tuple[int, ...]:
        """Planes of each component of the latent model."""
        components = COMPONENTS[self.mode]
        components = components if sum(components) == self.channels else (*components, 1)
        return components[:-1] if self.plane == "alpha" else components

    @property
    def alpha(self) -> bool:
        """Whether the last channel is one."""
        return self.mode in ALPHA_MODES or (self.mode == "P" and self.channels == 4)

    @property
    def share(self) -> float:
        """The part of the scale of samples that nearly all values of a channel take, 1/4 or 1: the least of any."""
        return min((each.share for each in self.ranges), default=1.0)

    @property
    def sample_bits(self) -> int:
        """Of a decoded sample: 8, or 16."""
        return max(8, self.bit_depth)

    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of each linear layer of a siren."""
        inner = [(self.hidden, self.hidden)] * (self.layers - 2)
        return [(self.hidden, 2), *inner, (self.coded, self.hidden)]

    @property
    def macs(self) -> int:
        """Multiply-adds a pixel of a siren: the weights, zeros included."""
        return sum(out * into for out, into in self.shapes())


def pack_header(header: Header) -> bytes:
    """The data of the header chunk; raises SettingsError for a header that no reader accepts."""
    check_header(header)
    numbers = MODE_TABLE[header.mode].number, header.bit_depth, header.channels, MODELS.index(header.model)
    network = header.prior, header.hidden, header.layers, header.payload_bytes
    return HEAD.pack(header.width, header.height, *numbers, *network)


def parse_header(data: bytes) -> Header:
    """The header of its chunk's data, HEAD.size bytes; raises FormatError."""
    width, height, mode, bit_depth, channels, model, *network = HEAD.unpack(data)
    for what, number, names in (("mode", mode, MODES), ("model", model, MODELS)):
        if number >= len(names):
            raise FormatError(f"header: {what}: expected 0 to {len(names) - 1}, got {number}")
    header = Header(width, height, MODES[mode], bit_depth, channels, MODELS[model], *network)
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
    limit("payload bytes", header.payload_bytes, 0, MAX_PAYLOAD[header.model])
    if header.plane and (header.model == "exact" or header.mode not in PLANE_MODES[header.plane]):
        raise error(f"plane of {header.plane}: expected none with mode {header.mode} and model {header.model}, got one")
    if header.model == "latent":
        limit("width × height of the latent model", pixels, 1, MAX_LATENT_PIXELS)
        limit("prior", header.prior, 1, 255)
        limit("step", header.hidden, 0, MAX_STEP)
        limit("levels", header.layers, 1, MAX_LEVELS)
        return
    if header.prior != 0:
        raise error(f"header: prior: expected 0 (none), got {header.prior}, which this version does not have")
    if header.model == "exact":
        limit("hidden", header.hidden, 0, 0)
        limit("layers", header.layers, 0, 0)
        return
    limit("hidden neurons", header.hidden, 1, MAX_HIDDEN)
    limit("layers", header.layers, 2, MAX_LAYERS)
    limit("weights", header.macs, 1, MAX_WEIGHTS)
    limit("multiply-adds of the picture", pixels * header.macs, 1, MAX_WORK)
