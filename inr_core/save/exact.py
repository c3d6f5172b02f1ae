"""Saving with the exact model: strip by strip, every sample kept."""

from __future__ import annotations

import dataclasses
import math
import time

from ..container import chunks
from ..container.header import Raster
from ..container.ranges import Range
from ..errors import Interrupted, TargetError
from ..exact.cost import opens_mixed
from ..exact.planes import plane_groups, strip_rows, strip_shapes, strips_at_once, to_planes
from ..exact.strips import pack_strip
from ..models import ExactShape
from ..pixels import Array
from ..process.interrupts import first_interrupt
from ..process.threads import Crew
from ..settings import Progress
from .job import Job, Request, Result
from .spread import spread_parts

LEVELS = (1, 6, 12, 15, *[19] * 3, *[22] * 3)  # of Zstandard, by effort: from 15 to 19 it is 1 to 15 % smaller
GUESSED = 15  # the level that tells how large a file will be
HURRIED = 1  # the level of what is left when it is to end


def guessed_size(pixels: Array, raster: Raster, level: int) -> float:
    """About how many bytes the strips of a picture take, judged by parts of it where it is large."""
    raster = dataclasses.replace(raster, plane="")
    parts = [to_planes(part, raster.mode) for part in spread_parts(pixels.reshape(raster.height, raster.width, -1))]
    size, groups = strip_shapes(raster)[0].size, plane_groups(raster)
    packed = sum(len(pack_strip(part, size, groups, level)) for part in parts)
    share = sum(part[0].size for part in parts) / (raster.width * raster.height)
    return float(packed / share)


class ExactJob(Job):
    """A picture as planes that come back as they are, whatever the quality."""

    lossless = True
    continues = False  # they stay, or are whatever takes the fewest bits

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.header = self.raster.header(ExactShape())
        self.planes = to_planes(request.coded, self.raster.mode)
        # of the file without its pixels; refuses what no file can hold, before any work
        self._others = len(chunks.write(self.header, self.palette, self.metadata, []))

    def _ranges(self) -> tuple[Range, ...]:
        return ()

    def run(self, quality: float) -> Result:
        """As `Job.run`; any quality is this one."""
        data, stopped = self._save()
        self.done(data, len(strip_shapes(self.header)), math.inf)
        return Result(data, math.inf, stopped, len(strip_shapes(self.header)))

    def meet_size(self, target: int) -> bytes:
        """As `Job.meet_size`: the file, if it is so small."""
        data, _ = self._save()
        if len(data) > target:
            reason = f"target_size: expected at least {len(data)} bytes to keep every sample of this picture"
            raise TargetError(f"{reason}, got {target}")
        self.done(data, len(strip_shapes(self.header)), math.inf)
        return data

    def reach_psnr(self, target: float) -> bytes:
        """As `Job.reach_psnr`: the file, whose PSNR is infinite."""
        return self.run(self.settings.quality).data

    def _save(self) -> tuple[bytes, bool]:
        """The file, and whether the caller wanted an end: then what was left is packed quickly, as after Ctrl-C."""
        header, limit = self.header, self.settings.time_limit
        strips = strip_rows(header.width, header.height)
        size = strip_shapes(header)[0].size
        payloads: list[bytes] = []
        stopped = False
        with first_interrupt() as interrupted, Crew(min(self.threads, strips_at_once(header))) as crew:

            def pack(rows: tuple[int, int]) -> bytes:
                late = limit is not None and time.perf_counter() - self.started > limit
                level = HURRIED if stopped or late or interrupted.is_set() else LEVELS[self.settings.work]
                return self._packed(rows, size, level)

            for (_, bottom), payload in crew.in_order(pack, strips):
                payloads.append(payload)
                stopped |= self._told(payloads, len(strips), bottom)
        data = chunks.write(header, self.palette, self.metadata, payloads)
        if interrupted.is_set():
            raise Interrupted(data)
        return data, stopped

    def _packed(self, rows: tuple[int, int], size: int, level: int) -> bytes:
        """The payload of some rows of samples 0 … size − 1, with a level of Zstandard."""
        return pack_strip(
            self.planes[:, slice(*rows)], size, plane_groups(self.header), level, opens_mixed(self.header)
        )

    def _told(self, payloads: list[bytes], strips: int, rows: int) -> bool:
        """Report so many rows done, but not the last ones; whether the caller says stop."""
        done, seconds = len(payloads), time.perf_counter() - self.started
        if self.progress is None or done == strips:
            return False
        bpp = 8 * sum(map(len, payloads)) / (self.header.width * rows)
        report = Progress(done, strips, math.inf, bpp, seconds, seconds / done * (strips - done), "fit")
        return self.progress(report) is False
