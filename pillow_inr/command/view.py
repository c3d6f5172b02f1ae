"""`inr view`: pictures in a window, with the toolkit that comes with Python."""

from __future__ import annotations

import tkinter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps, ImageTk

from ..modes import in_8_bits
from .convert import for_each


def view(files: Sequence[Path]) -> int:
    """Show the pictures until the window is closed; returns the exit code. Raises TclError without a display."""
    viewer = Viewer(tkinter.Tk(className="inr"), files)
    viewer.root.mainloop()
    return int(viewer.failed)


class Viewer:
    """One picture at a time, as large as the window: → and ← lead to the others, Escape ends."""

    picture: Image.Image | None = None
    shown: ImageTk.PhotoImage | None = None  # Tk keeps no reference of its own

    def __init__(self, root: tkinter.Tk, files: Sequence[Path]) -> None:
        self.root, self.files = root, files
        self.label = tkinter.Label(root, background="#222", foreground="#ddd", borderwidth=0)
        self.label.pack(fill="both", expand=True)
        self.at, self.failed = 0, False
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
        self.at = (self.at + step) % len(self.files)
        path = self.files[self.at]
        self.picture = None
        self.failed |= bool(for_each([path], self.load))
        self.root.title(f"{path.name} – {self.at + 1}/{len(self.files)}")
        self.draw()

    def load(self, path: Path) -> None:
        """Decode one file, upright."""
        with Image.open(path) as im:
            self.picture = in_8_bits(ImageOps.exif_transpose(im)).convert("RGBA")

    def draw(self) -> None:
        """Fit the picture into the window."""
        room = self.label.winfo_width(), self.label.winfo_height()
        if self.picture is None:
            self.label.configure(image="", text=f"{self.files[self.at].name} cannot be shown")
        elif min(room) > 1:  # not before there is a window
            self.shown = ImageTk.PhotoImage(ImageOps.contain(self.picture, room))
            self.label.configure(image=str(self.shown))
