"""Puts wrapped functions into a module, whenever it is imported, and takes them out again."""

import importlib.abc
import importlib.util
import sys
from typing import Callable, Dict, Sequence


class Installation:
    def __init__(self, module: str, names: Sequence[str], wrap: Callable):
        self._name = module
        self._names = names
        self._wrap = wrap
        self._finder = None
        self.module = None
        #: By name: the function object and what stands in for it.
        self._replaced: Dict[str, tuple] = {}

    def install(self) -> None:
        """Now if the module is there; else once the program imports it."""
        module = sys.modules.get(self._name)
        if module is not None:
            self._put(module)
        else:
            self._finder = _AfterImport(self._name, self._put)
            sys.meta_path.insert(0, self._finder)

    def restore(self) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        for original, wrapper in self._replaced.values():
            _exchange(wrapper, original)
        self._replaced.clear()

    def _put(self, module) -> None:
        self.module = module
        for name in self._names:
            original = getattr(module, name, None)
            if original is None:
                continue
            wrapper = self._wrap(name, original, module)
            self._replaced[name] = (original, wrapper)
            setattr(module, name, wrapper)
            _exchange(original, wrapper)


def _exchange(old, new) -> None:
    """In every module that has imported it by a name."""
    for module in list(sys.modules.values()):
        contents = getattr(module, "__dict__", None)
        if not isinstance(contents, dict):
            continue
        for name, value in list(contents.items()):
            if value is old:
                contents[name] = new


class _AfterImport(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, then: Callable):
        self._name = name
        self._then = then

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            try:
                self._then(module)
            except Exception as error:
                sys.stderr.write(f"simtwin_capture: nothing is recorded: {error}\n")

        spec.loader.exec_module = exec_module
        return spec
