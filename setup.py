"""Builds the compiled kernels. Where there is no compiler they are left out, and everything works with NumPy."""

import os
import re
import tomllib
from pathlib import Path
from zlib import crc32

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

KERNELS = Path("inr_core", "kernels")
FLAGS = ["-O3", "-std=c11", "-g0", "-fvisibility=hidden"]  # of gcc and clang
SOURCES = sorted(KERNELS.glob("*.[ch]"))


class BuildKernels(build_ext):
    """With the flags of the compiler that there is; where it fails, no older library stays in the new one's place."""

    def build_extensions(self) -> None:
        """Build them."""
        microsoft = self.compiler.compiler_type == "msvc"
        for extension in self.extensions:
            extension.extra_compile_args = ["/O2", "/std:c11"] if microsoft else FLAGS
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Build one."""
        try:
            super().build_extension(extension)
        except Exception:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            raise


class Wheel(bdist_wheel):
    """Says what is in it: without the library, it is for every platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Python, ABI and platform."""
        built = self.get_finalized_command("build_ext").get_outputs()
        return super().get_tag() if all(map(os.path.exists, built)) else ("py3", "none", "any")


def description(readme: str, home: str | None, version: str) -> str:
    """README for a page that has no files beside it: links lead to `home`, the repository, or if None nowhere."""

    def lead(found: re.Match[str]) -> str:
        picture, text, target = found.groups()
        if re.match(r"https?:|#", target):
            return found[0]
        if home is None:
            return "" if picture else text
        return f"{picture}[{text}]({home}/{'raw' if picture else 'blob'}/v{version}/{target})"

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]*)\)", lead, readme)


project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
version = re.search(r'__version__ = "(.*)"', Path("pillow_inr", "__init__.py").read_text(encoding="utf-8"))
assert version is not None
native = Extension(
    "inr_core.kernels.native",
    [str(path) for path in SOURCES if path.suffix == ".c"],
    depends=[str(path) for path in SOURCES],
    define_macros=[
        ("Py_LIMITED_API", "0x030B0000"),
        ("SOURCES", f"{crc32(b''.join(path.read_bytes() for path in SOURCES))}u"),
    ],
    py_limited_api=True,
    optional=os.environ.get("CIBUILDWHEEL") != "1",  # a wheel for others must have them
)
setup(
    long_description=description(
        Path("README.md").read_text(encoding="utf-8"), project.get("urls", {}).get("Source"), version[1]
    ),
    long_description_content_type="text/markdown",
    ext_modules=[native],
    cmdclass={"build_ext": BuildKernels, "bdist_wheel": Wheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
