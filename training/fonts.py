"""The fonts that pictures of text are drawn with, and the letters of each script."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inr_core.errors import InrError

LETTERS = "eeeeeeeeeeeetttttttttaaaaaaaaoooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvkjxqz"
SCRIPTS = {
    "Devanagari": (0x0905, 0x0939),
    "Arabic": (0x0627, 0x064A),
    "Hebrew": (0x05D0, 0x05EA),
    "Greek": (0x03B1, 0x03C9),
    "Thai": (0x0E01, 0x0E2E),
    "Bengali": (0x0995, 0x09B9),
    "Georgian": (0x10D0, 0x10F0),
    "Ethiopic": (0x1200, 0x1248),
}  # Noto's names, and letters of each


@dataclass(frozen=True)
class Fonts:
    """Files of the fonts to draw with."""

    text: list[Path]
    mono: list[Path]
    scripts: dict[str, list[Path]]

    @classmethod
    def found(cls, folder: Path) -> Fonts:
        """Those below a folder; InrError where there are none."""
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".ttf", ".otf"))
        scripts = {name: [p for p in files if "Noto" in p.name and name in p.name] for name in SCRIPTS}
        special = ("Noto", "Symbol", "Math", "Dingbat", "Emoji", "D050000L", "lmmi", "lmsy", "lmex")
        text = [p for p in files if not any(s in p.name for s in special)]
        text += [p for p in files if p.name.startswith(("NotoSans-", "NotoSerif-"))]
        mono = [p for p in text if any(s in p.name for s in ("Mono", "Code", "Hack", "Inconsolata", "lmmono"))]
        if not text or not mono:
            raise InrError(f"{folder}: expected fonts, some of them monospaced, got {len(text)} and {len(mono)}")
        return cls(text, mono, {name: paths for name, paths in scripts.items() if paths})
