"""Containers and metadata that hypothesis draws: what is written is read, and an edit gives one clear error."""

from __future__ import annotations

import io
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hostile import join, split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import header_of, make_file
from small_files import LATENT, SIREN

from inr_core import FormatError, Metadata, SettingsError, decode, read_head, replace_metadata, verify
from inr_core.container.header import Header
from inr_core.modes import MODE_TABLE

FEW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
BLOCK = st.none() | st.binary(max_size=300)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
ANYTHING = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=5)
METADATA = st.builds(
    Metadata,
    exif=BLOCK,
    icc=BLOCK,
    xmp=BLOCK,
    comment=BLOCK,
    dpi=st.none() | st.tuples(*[st.integers(0, 2**32 - 1).map(lambda n: n / 1000)] * 2),
    text=st.none() | st.dictionaries(WORDS.filter(bool), WORDS, max_size=5),
)
TINY = {mode: make_file(header_of(mode, width=3, height=2)) for mode in MODE_TABLE}


@FEW
@given(mode=st.sampled_from(sorted(TINY)), metadata=METADATA, others=METADATA)
def test_metadata_is_read_as_it_was_written(mode: str, metadata: Metadata, others: Metadata) -> None:
    """And written again: over others, or none, the bytes are the same."""
    data = replace_metadata(TINY[mode], metadata)
    verify(io.BytesIO(data))
    assert read_head(io.BytesIO(data)).metadata == metadata
    assert (decode(data) == decode(TINY[mode])).all()
    assert replace_metadata(replace_metadata(data, others), metadata) == data
    assert replace_metadata(data, Metadata()) == TINY[mode]


@FEW
@given(text=st.dictionaries(ANYTHING, ANYTHING, max_size=3), dpi=st.tuples(*[st.floats() | st.integers()] * 2))
def test_what_no_file_can_hold_is_refused_when_it_is_written(text: dict[str, str], dpi: tuple[float, float]) -> None:
    for metadata in (Metadata(text=text), Metadata(dpi=dpi)):
        try:
            data = replace_metadata(TINY["L"], metadata)
        except SettingsError as e:
            assert ": expected " in str(e)  # noqa: PT017 - of what may or may not be refused
            continue
        read = read_head(io.BytesIO(data)).metadata
        assert read.text == metadata.text
        if metadata.dpi is not None:
            assert read.dpi == tuple(round(1000 * value) / 1000 for value in dpi)


@FEW
@given(drawn=st.data())
def test_a_header_is_read_as_it_was_written(drawn: st.DataObject) -> None:
    mode = drawn.draw(st.sampled_from(sorted(MODE_TABLE)))
    info = MODE_TABLE[mode]
    side = st.integers(1, 300)
    header = header_of(
        mode,
        drawn.draw(st.sampled_from(info.bit_depths)),
        drawn.draw(st.sampled_from(info.channels)),
        width=drawn.draw(side),
        height=drawn.draw(side),
        hidden=drawn.draw(st.integers(1, 20)),
        layers=drawn.draw(st.integers(2, 6)),
    )
    read = read_head(io.BytesIO(make_file(header))).header
    fields = set(Header.__dataclass_fields__) - {"payload_bytes"}
    assert {name: getattr(read, name) for name in fields} == {name: getattr(header, name) for name in fields}


def one_clear_error(data: bytes) -> str | None:
    """The message that every way to read gives; None: all of them read it."""
    messages: list[str | None] = []
    for read in (lambda: verify(io.BytesIO(data)), lambda: decode(data, threads=1)):
        try:
            read()
            messages.append(None)
        except FormatError as e:
            messages.append(str(e))
    checked, decoded = messages
    assert checked is None or decoded is not None, "what verify refuses is not decoded"
    return decoded


@FEW
@given(file=st.sampled_from([SIREN, LATENT]), drawn=st.data())
def test_an_edit_of_a_byte_gives_one_clear_error(file: bytes, drawn: st.DataObject) -> None:
    at, flip = drawn.draw(st.integers(0, len(file) - 1)), drawn.draw(st.integers(1, 255))
    data = file[:at] + bytes([file[at] ^ flip]) + file[at + 1 :]
    message = one_clear_error(data)
    assert message
    assert "\n" not in message
    assert len(message) < 300


@FEW
@given(file=st.sampled_from([SIREN, LATENT]), drawn=st.data())
def test_chunks_in_any_order_and_number_give_one_clear_error(file: bytes, drawn: st.DataObject) -> None:
    """Left out, repeated, put elsewhere, cut, made longer, with right CRCs: read, or refused by all in one way."""
    own = split(replace_metadata(file, Metadata(exif=b"II*\0", comment=b"c", text={"a": "b"})))
    anything: list[Any] = [*own, (b"zzZz", b"skip me"), (b"ZZZZ", b"critical"), (b"comm", b"\0again")]
    pieces = drawn.draw(st.lists(st.sampled_from(anything), min_size=1, max_size=9))
    if drawn.draw(st.booleans()):
        pieces = [own[0], *pieces]
    cut = drawn.draw(st.integers(-3, 3))
    data = join(pieces, sum(len(piece[1]) + 12 for piece in pieces if piece[0] in (b"NETW", b"LATS")))
    data = data[:cut] if cut < 0 else data + bytes(cut)
    message = one_clear_error(data)
    if message is not None:
        assert "expected " in message or "unknown and critical" in message or "CRC" in message, message
