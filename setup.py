"""Builds the compiled kernels. Where there is no compiler they are left out, and everything works with NumPy."""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("inr_core", "kernels")


class BuildKernels(build_ext):
    """With the flags of the compiler that there is."""

    def build_extensions(self) -> None:
        """Build them."""
        microsoft = self.compiler.compiler_type == "msvc"
        for extension in self.extensions:
            extension.extra_compile_args = ["/O2", "/std:c11"] if microsoft else ["-O3", "-std=c11"]
        super().build_extensions()


native = Extension(
    "inr_core.kernels.native",
    [str(KERNELS / "native.c")],
    depends=[str(path) for path in sorted(KERNELS.glob("*.h"))],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=os.environ.get("CIBUILDWHEEL") != "1",  # a wheel for others must have them
)
setup(
    ext_modules=[native],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
