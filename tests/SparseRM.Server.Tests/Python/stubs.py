"""Stands in for packages that are not installed, so that a trainer's own module can be imported: every name of them is a mock. Says which were stubbed."""

import importlib.abc
import importlib.machinery
import sys
import types
from unittest import mock

STUBBED = []


class _Module(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = mock.MagicMock(name=f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, names):
        self.names = names

    def find_spec(self, fullname, path=None, target=None):
        if any(fullname == name or fullname.startswith(name + ".") for name in self.names):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        STUBBED.append(spec.name)
        return _Module(spec.name)

    def exec_module(self, module):
        pass


def stub(*names):
    sys.meta_path.insert(0, _Finder(names))


class Ids(list):
    """A tensor of ids, as far as the trainers' methods use one."""

    @property
    def shape(self):
        return (len(self),)

    def __getitem__(self, index):
        value = super().__getitem__(index)
        return Ids(value) if isinstance(index, slice) else value

    def sum(self):
        return sum(self)

    def tolist(self):
        return list(self)


class Nowhere:
    """A tensor of flags none of which is set."""

    def all(self, dim):
        return self

    def any(self):
        return False
