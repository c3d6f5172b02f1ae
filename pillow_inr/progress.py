"""Reports of a running fit as a bar on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from inr_core import Progress


class Bar:
    """A callable for `progress=`: shows steps, PSNR, bits a pixel and the time left; close it by leaving its `with`."""

    def __init__(self, label: str | None = None, leave: bool = True) -> None:
        from tqdm import tqdm  # only a bar needs it: a viewer's installation may do without

        self._bar = tqdm(desc=label, bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}", leave=leave)

    def __call__(self, report: Progress) -> None:
        """Show one report. Reports may start again from the beginning, as a search for a target does."""
        if report.steps != self._bar.total or report.step < self._bar.n:
            self._bar.reset(report.steps)
        left = self._bar.format_interval(report.seconds_left)
        self._bar.set_postfix_str(f"{report.psnr:.2f} dB, {report.bpp:.3f} bpp, {left} left", refresh=False)
        self._bar.update(report.step - self._bar.n)
        if report.phase == "done":
            self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
