# Registers pillow_inr with Pillow in every program of this environment, at the moment Pillow prepares to open or save
# its first picture: every plugin of Pillow's own then imports PIL.ImageFile. (PIL.Image would be too early: whoever
# imports PIL.ImageFile first has only half of it by then.)
#
# `inr enable` copies this file beside its .pth file, `inr disable` removes both. It runs whenever Python starts, so
# it imports nothing but sys, and it must never be the reason that a program fails.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def _register() -> None:
    try:
        import pillow_inr

        pillow_inr.register()
    except Exception:  # uninstalled meanwhile, or broken: this program may never need it
        pass


class _Finder:
    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name != "PIL.ImageFile":
            return None
        for finder in sys.meta_path:
            spec = None if finder is _Finder else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    def __init__(self, loader: "Loader") -> None:
        self.loader = loader

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self.loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        # Out of the way first: what the module knows of itself is as if nobody had stood in between.
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        if _Finder in sys.meta_path:
            sys.meta_path.remove(_Finder)
        _register()


if "PIL.ImageFile" in sys.modules:
    _register()
elif _Finder not in sys.meta_path:
    sys.meta_path.insert(0, _Finder)
