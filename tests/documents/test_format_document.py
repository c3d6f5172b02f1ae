"""FORMAT.md is true: what it states is what the code does, and a decoder written from it decodes the same pixels."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import format_example
import format_example_exact
import format_example_latent
import format_example_mixing
import format_example_tiles
import hostile
import numpy as np
import pytest
import reference_decoder as reference
import reference_latent
import reference_network
from numpy.typing import NDArray
from reference_coding import Refused

from inr_core import FormatError, decode, describe, models, modes
from inr_core.container import chunks, header, metadata
from inr_core.entropy import densities, rans
from inr_core.entropy.symbols import SymbolWriter
from inr_core.exact import planes
from inr_core.kernels import sine
from inr_core.latent import prior, steps, tunes
from inr_core.siren import weights

DOCUMENT = format_example.DOCUMENT.read_text("utf-8")
GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.inr"))
EDITED = ("every_coder", "palette_alpha", "rgb_codebook", "rgb_sparse")
EDITS = 250  # of each
LATENT_TITLE = "A worked example of the latent model"
MIXING_TITLE = "A worked example of the mixing coder"
TILES_TITLE = "A worked example of tiles"
EXAMPLES = {
    "A worked example": format_example,
    LATENT_TITLE: format_example_latent,
    "A worked example of the exact model": format_example_exact,
    MIXING_TITLE: format_example_mixing,
    TILES_TITLE: format_example_tiles,
}
SMALL = 2**18  # multiply-adds: plain Python takes a tenth of a second


def read(name: str) -> bytes:
    return (GOLDEN / f"{name}.inr").read_bytes()


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    (body,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(body)


def table(title: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    lines = section(title).partition("\n|")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def slow_pixels(data: bytes) -> NDArray[np.int64]:
    """The picture of the reference decoder, (H, W, C)."""
    return np.array(reference.decode(data))


@pytest.mark.parametrize("name", NAMES)
def test_reference_decoder_gives_the_same_pixels(name: str) -> None:
    data = read(name)
    pixels = decode(data)
    assert (slow_pixels(data).reshape(pixels.shape) == pixels).all()
    assert (pixels == np.load(GOLDEN / f"{name}.npy")).all()


def refusals_of(data: bytes) -> list[str]:
    """Why the two decoders refuse a file."""
    reasons = []
    for reader in (describe, reference.read):
        try:
            reader(data)
        except (FormatError, Refused) as e:
            reasons.append(f"{type(e).__name__}: {e}")
    return reasons


@pytest.mark.parametrize("name", EDITED)
def test_reference_decoder_refuses_the_same_files(name: str) -> None:
    data = read(name)
    outcomes = {True: 0, False: 0}
    for seed in range(EDITS):
        edited = hostile.mutate(data, random.Random(seed))
        refusals = refusals_of(edited)
        assert len(refusals) in (0, 2), f"seed {seed}: {refusals}"
        outcomes[not refusals] += 1
        if refusals:
            continue
        info = describe(edited)
        if info.head.header.width * info.head.header.height * info.macs < SMALL:
            pixels = decode(edited, threads=1)
            assert (slow_pixels(edited).reshape(pixels.shape) == pixels).all(), f"seed {seed}"
    assert min(outcomes.values()) > EDITS / 20, "edits that are all refused, or all accepted, test little"


@pytest.mark.parametrize("example", EXAMPLES.values())
def test_worked_example_is_up_to_date(example: ModuleType) -> None:
    _, _, rest = DOCUMENT.partition(example.START)
    written, end, _ = rest.partition(format_example.END)
    assert end
    assert written.strip() == example.text().strip(), f"run tests/{example.__name__}.py"


@pytest.mark.parametrize("title", EXAMPLES)
def test_worked_example_decodes_to_the_pixels_it_states(title: str) -> None:
    example = section(title)
    lines = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", example, re.MULTILINE)
    data = b""
    for offset, part in lines:
        assert int(offset) == len(data)
        data += bytes.fromhex(part)
    assert f"{len(data)} bytes:" in example
    assert data == EXAMPLES[title].example()
    stated = [row.split("|")[2:-1] for row in re.findall(r"^\| row \d.*$", example, re.MULTILINE)]
    picture = [[tuple(map(int, pixel.split(","))) for pixel in row] for row in stated]
    size = 10 if title == TILES_TITLE else 3
    assert [len(row) for row in picture] == [size, size]
    assert reference.decode(data) == picture
    assert (decode(data).reshape(2, size, -1) == picture).all()


def test_answers_of_the_mixing_example_follow_from_its_table() -> None:
    """Each state of the coder, with p, makes the answer and the next one; the bytes are the file's."""
    rows = re.findall(r"^\| (\d+) \| (?:candidate|bit) \|(.*)\|$", section(MIXING_TITLE), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(len(rows)))
    body = iter(format_example_mixing.body_of(format_example_mixing.example()) + bytes(8))
    low, high, window = 0, 2**32 - 1, int.from_bytes(bytes(next(body) for _ in range(4)), "big")
    for _, row in rows:
        *_, p, stated_low, stated_high, stated_window, answer = (cell.strip() for cell in row.split("|"))
        assert (low, high, window) == tuple(int(cell, 16) for cell in (stated_low, stated_high, stated_window))
        middle = low + (high - low) * int(p) // 65536
        assert int(answer) == (window <= middle)
        low, high = (low, middle) if window <= middle else (middle + 1, high)
        while low >> 24 == high >> 24:
            low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255
            window = window << 8 & 0xFFFFFFFF | next(body)


def test_symbols_of_the_latent_example_follow_from_its_table() -> None:
    """Each state makes the next one, each symbol its value; the raw bits are the file's."""
    rows = [row for row in table(LATENT_TITLE) if len(row) == 19 and row[9]]
    arrays = reference_latent.prior(1)
    bits = ""
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        scale, mean, number, r = map(int, row[4:8])
        state, slot, entry = map(int, row[9:12])
        (start, f), after, symbol, q, v = map(int, row[12].split(",")), int(row[13]), *map(int, row[16:])
        assert (number, r) == (8 * scale + (mean + 4) % 8, mean + 4 >> 3)
        assert slot == state % 2**15
        assert arrays["tables"][number][entry] == f
        assert sum(arrays["tables"][number][:entry]) == start
        assert after == f * (state >> 15) + slot - start
        state = after * 2**16 + int(row[14]) if row[14] else after
        assert state == (int(following[9]) if following else 2 * f)
        reach = arrays["recon"][scale]
        assert (q, v) == (symbol + r, 64 * q + min(max(8 * mean - 64 * q, -reach), reach))
        bits += row[15]
    assert [len(row) for row in table(LATENT_TITLE)] == [19] * (len(rows) + 1)
    (stored,) = re.findall(r"((?:[0-9a-f]{2} )+) *raw bits\n", section(LATENT_TITLE))
    assert "".join(f"{byte:08b}" for byte in bytes.fromhex(stored)) == bits.ljust(16, "0")


def test_limits_are_those_of_the_code() -> None:
    stated: dict[str, Any] = {}
    for name, value, _ in table("Limits"):
        values = tuple(map(int, value.split(", ")))
        stated[name.strip("`")] = values[0] if len(values) == 1 else values
    payloads = SimpleNamespace(MAX_PAYLOAD=tuple(model.max_payload for model in models.MODELS.values()))
    homes = (chunks, densities, planes, sine, models, metadata, modes, rans, payloads)
    assert stated == {name: next(getattr(home, name) for home in homes if hasattr(home, name)) for name in stated}
    assert {name for name in vars(models) if name.startswith("MAX_")} <= set(stated)
    for module in (reference, reference_network):
        assert all(getattr(module, name, value) == value for name, value in stated.items())


def test_the_priors_are_those_described() -> None:
    (files, networks, *_, others) = re.findall(r"(?:^\|.*\n)+", section("The priors"), re.MULTILINE)

    def stated(neurons: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Shapes of all arrays, for neurons of luma, chroma and cell."""
        shapes: dict[str, tuple[int, ...]] = {}
        for line in networks.splitlines()[2:]:
            name, *cells = (cell.strip() for cell in line.split("|")[1:-1])
            for part, shape, n in zip(("luma", "chroma", "cell"), cells, neurons, strict=True):
                if name == "shifts":
                    shapes |= {f"{part}_{shift}": () for shift in shape.split(", ")}
                elif shape:
                    sizes = {"n": n, "4n": 4 * n}
                    shapes[f"{part}_{name}"] = tuple(sizes.get(size) or int(size) for size in shape.split(", "))
        for line in others.splitlines()[2:]:
            name, shape, _ = (cell.strip() for cell in line.split("|")[1:-1])
            shapes[name] = tuple(map(int, shape.split(", ")))
        return shapes

    found = {}
    for line in files.splitlines()[2:]:
        number, path, _, neurons, crc = (cell.strip().strip("`") for cell in line.split("|")[1:-1])
        arrays = prior.to_arrays(prior.load(int(number)))
        assert path == f"inr_core/latent/priors/{number}.npz"
        assert stated([int(n) for n in neurons.split(", ")]) == {name: array.shape for name, array in arrays.items()}
        found[f"{number}.npz"] = crc
        assert crc == f"{zlib.crc32(b''.join(arrays[name].astype('<i4').tobytes() for name in sorted(arrays))):08x}"
    assert found.keys() == {f"{number}.npz" for number in prior.known_ids()}


def test_the_steps_are_those_described() -> None:
    assert "M   = round(2^(k / 16) · 2^16)" in section("Steps")
    assert [round(2 ** (k / 16) * 2**16) for k in range(16)] == list(steps.MANTISSAS)
    assert [round(2 ** (-k / 16) * 2**16) for k in range(16)] == list(steps.RECIPROCALS)
    assert [round(2 ** (k / 16) * 2**8) for k in range(16)] == list(steps.COARSE_MANTISSAS)


def test_the_weights_for_looks_are_those_described() -> None:
    rows = [[int(value) for value in row] for row in table("Weights for looks")]
    assert [row[0] for row in rows] == list(range(len(tunes.LOOK)))
    assert [row[1:] for row in rows] == tunes.LOOK.tolist()
    assert f"+ {1 << tunes.FACTOR_BITS >> 1}) >> {tunes.FACTOR_BITS}, 1, {prior.GAIN_MAX})" in section(
        "Weights for looks"
    )


def test_header_fields_are_those_of_the_code() -> None:
    letters = {"u8": "B", "u16": "H", "u32": "I"}
    rows = table("HEAD")
    fields = struct.Struct("<" + "".join(letters[kind] for _, kind, *_ in rows))
    assert fields.format == header.HEAD.format
    ends = [struct.calcsize("<" + fields.format[1 : k + 1]) for k in range(len(rows))]
    assert [int(offset) for offset, *_ in rows] == ends


def test_modes_are_those_of_the_code() -> None:
    stated = {}
    for number, name, *choices, _ in table("Modes"):
        bit_depths, channels = (tuple(map(int, choice.split(","))) for choice in choices)
        stated[name] = modes.ModeInfo(int(number), channels, bit_depths)
    assert stated == modes.MODE_TABLE


def test_chunks_are_those_of_the_code() -> None:
    types = {row[0].strip("`").encode() for row in table("The file")}
    pixels = {*(model.chunk for model in models.MODELS.values()), *chunks.PLANE_CHUNKS.values()}
    assert types == {b"HEAD", b"PLTE", b"RANG", *pixels, *metadata.NAMES}
    assert f" {chunks.SIGNATURE.hex(' ')} " in section("The file")


def test_the_fields_around_symbols_are_in_the_order_described() -> None:
    (line,) = re.findall(r"^    \| levels \| low-pass \|.*$", section("LATS: the latent model"), re.MULTILINE)
    order = [cell.strip() for cell in line.strip(" |").split("|")][3:]
    words = " ".join(section("Differences").split())
    (stated,) = re.findall(r"as at the end of a `LATS` chunk, (.*?) of one symbol", words)
    assert stated.replace(" and ", ", ").split(", ") == order == ["count", "lanes_e", "n", "raw bits", "range coder"]
    tables = prior.load(1).tables
    row = 8 * 60 + 4  # of a wide scale, whose symbols have raw bits
    k = int(tables.raw_bits[row])
    writer = SymbolWriter(tables)
    writer.add(np.array([row, row]), np.array([0, 1 - (1 << k >> 1)]))  # bucket 0, its middle and its second
    data = writer.finish()
    raw = f"{1 << k - 1:0{k}b}{1:0{k}b}"
    size = (2 * k + 7) // 8
    assert data[:3] == bytes([2, 0, size])
    assert data[3 : 3 + size] == int(raw.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    assert rans.Decoder(data[3 + size :], 1, 2).entries(tables, np.array([row])) == [tables.offsets[row]]


def test_bits_of_codes_are_those_of_the_code() -> None:
    (stated,) = [value for _, field, value in table("Layer records") if field == "bits"]
    (uniform, codebook, (half, _)) = (
        weights.CODE_BITS[kind] for kind in (weights.UNIFORM, weights.CODEBOOK, weights.HALF)
    )
    ranges = "{} … {} for uniform, {} … {} for codebook, {} for float16".format(*uniform, *codebook, half)
    assert stated == f"of a code: {ranges}"


def test_the_sine_table_is_the_one_described() -> None:
    values = sine.SINE_TABLE.astype("<i2")
    stated = " ".join(section("Sine").split())
    assert f"SINE[0 … 9] = {', '.join(map(str, values[:10].tolist()))};" in stated
    assert f"|SINE[i]| is {np.abs(values.astype(int)).sum()};" in stated
    assert f"`{zlib.crc32(values.tobytes()):08x}`" in stated


def test_links_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", DOCUMENT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", DOCUMENT)) <= anchors
