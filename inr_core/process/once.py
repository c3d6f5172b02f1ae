"""Properties that are found out once, and nothing that a forked process could wait for.

`functools.cached_property` holds a lock while it finds out, before Python 3.12, one for all instances: a process that
is forked while another thread is inside has that lock, but nobody who gives it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_Value = TypeVar("_Value")


class once(Generic[_Value]):
    """A property that stays as it was when it was first asked for.

    Threads that ask at once may each find it out, so it is to come to the same.
    """

    def __init__(self, find: Callable[[Any], _Value]) -> None:
        self._find, self._name, self.__doc__ = find, "", find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...
    def __get__(self, instance: object | None, owner: type) -> Self | _Value:
        if instance is None:
            return self
        value: _Value = self._find(instance)
        instance.__dict__[self._name] = value  # which is found before this is asked again
        return value
