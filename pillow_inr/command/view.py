"""`inr view`: pictures in a window, with the toolkit that comes with Python."""

from __future__ import annotations

import tkinter
from collections.abc import Sequence
from types import TracebackType

from PIL import Image, ImageOps, ImageTk

from ..orientation import upright
from . import formats
from .messages import Voice
from .sources import Source, for_each

_WAKING = 200  # milliseconds between looks at whether Ctrl-C was pressed


def view(sources: Sequence[Source], voice: Voice) -> int:
    """Show the pictures until the window is closed; returns the exit code. Raises TclError without a display."""
    viewer = Viewer(tkinter.Tk(className="inr"), sources, voice)
    viewer.root.mainloop()
    if viewer.error is not None:
        raise viewer.error
    return voice.code()


class Viewer:
    """One picture at a time, as large as the window: → and ← lead to the others, Escape ends."""

    picture: Image.Image | None = None
    shown: ImageTk.PhotoImage | None = None  # Tk keeps no reference of its own
    error: BaseException | None = None  # that ended it: Tk would print a traceback and go on

    def __init__(self, root: tkinter.Tk, sources: Sequence[Source], voice: Voice) -> None:
        self.root, self.voice = root, voice
        self.sources = [source.held() for source in sources]  # one may be looked at again
        root.report_callback_exception = self.end
        self.wake()
        self.label = tkinter.Label(root, background="#222", foreground="#ddd", borderwidth=0)
        self.label.pack(fill="both", expand=True)
        self.at = 0
        for key, step in (("<Right>", 1), ("<space>", 1), ("<Left>", -1)):
            root.bind(key, lambda event, step=step: self.go(step))  # type: ignore[misc]
        root.bind("<Escape>", lambda event: root.destroy())
        self.go(0)
        width, height = self.picture.size if self.picture else (0, 0)
        width = min(max(width, 200), root.winfo_screenwidth() * 4 // 5)
        height = min(max(height, 200), root.winfo_screenheight() * 4 // 5)
        root.geometry(f"{width}x{height}")
        self.label.bind("<Configure>", lambda event: self.draw())

    def go(self, step: int) -> None:
        """Load the picture so many files on, round and round."""
        self.at = (self.at + step) % len(self.sources)
        source = self.sources[self.at]
        self.picture = None
        for_each([source], self.load, self.voice)
        self.root.title(f"{source.name} – {self.at + 1}/{len(self.sources)}")
        self.draw()

    def load(self, source: Source) -> None:
        """Decode one file, upright."""
        with source.open() as im:
            self.picture = formats.best(upright(im), "RGBA")

    def wake(self) -> None:
        """Let Python look at signals now and then: as long as nothing happens in the window, Tk would not."""
        self.root.after(_WAKING, self.wake)

    def end(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Close the window because of an error."""
        self.error = error
        self.root.destroy()

    def draw(self) -> None:
        """Fit the picture into the window."""
        room = self.label.winfo_width(), self.label.winfo_height()
        if self.picture is None:
            self.label.configure(image="", text=f"{self.sources[self.at].name} cannot be shown")
        elif min(room) > 1:  # not before there is a window
            self.shown = ImageTk.PhotoImage(ImageOps.contain(self.picture, room))
            self.label.configure(image=str(self.shown))
