"""Builds the compiled kernels. Where there is no compiler they are left out, and everything works with NumPy."""

import os
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
    ext_modules=[native],
    cmdclass={"build_ext": BuildKernels, "bdist_wheel": Wheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
