"""What has arrived of a file that an ImageFile.Parser is fed, or is yet to be loaded."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from PIL import ImageFile

from .bombs import given, told
from .unshared import unshared

if TYPE_CHECKING:
    from inr_core import Arrival, Cost, Head, Limits


MORE = 1.5  # times the bytes of the last preview make a new one: all of them together cost little more than the picture


def paint(im: ImageFile.ImageFile, head: Head, arrival: Arrival, painted: int, limits: Limits | None) -> int:
    """Make a picture's pixels of what there is, if that is a good deal more than the last time; returns its bytes."""
    from inr_core import Decoder, FormatError

    from . import InrImagePlugin
    from .modes import to_image

    if len(arrival.data) < max(MORE * painted, painted + 1) or not arrival.missing:
        return painted
    try:
        threads = InrImagePlugin.DECODE_THREADS
        decoder = Decoder(head, bytes(arrival.data), threads, truncated=True, limits=given(limits))
        with told():
            im.im.paste(to_image(decoder.decode(), im).im, (0, 0, *im.size))
    except FormatError:  # too little of it; what is damaged is an error when it is complete
        pass
    return len(arrival.data)


def cost_of(fp: IO[bytes], head: Head, place: int, size: tuple[int, int] | None) -> Cost:
    """What decoding costs, of a file whose pixel chunks begin at a place in it. Raises OSError: it is damaged."""
    from inr_core import Decoder, FormatError

    own = unshared(fp, place)
    if own is fp:
        fp.seek(place)
    try:
        return Decoder.of_file(own, head, threads=1).cost(size)
    except FormatError as e:
        msg = f"cost: {e}"
        raise OSError(msg) from e
