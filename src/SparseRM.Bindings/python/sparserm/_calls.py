"""How the C library is called: handles that close themselves, Ctrl-C, progress, and what C writes to.

C may write until a call has ended, whatever signals come meanwhile. So what it writes to is held by the call itself, never by a caller's frame alone.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import itertools
import json
import threading
from ctypes import byref, c_float, c_int64, c_void_p
from time import monotonic, perf_counter, sleep
from typing import Any, Callable, Optional, Sequence, TypeVar

from . import _native as native

_ERROR_BYTES = 512
_SHORT = 0.02  # seconds; a thread beside the caller's, which hears Ctrl-C at once, would cost a millisecond or more
Progress = Callable[[str, int, int], Any]
T = TypeVar("T")
_H = TypeVar("_H", bound="Handle")


class Handle:
    """An open handle of the C library; closed by ``close``, ``with`` or the collector."""

    _close = ""

    def __init__(self) -> None:
        self._handle = c_void_p()

    def close(self) -> None:
        """Closes it; calls that run finish. Closing twice is no error."""
        if self._handle.value and native.is_usable():
            status = getattr(native.library(), self._close)(self._handle)
            self._handle = c_void_p()
            if status not in (0, native.HANDLE):  # another thread may have closed it at the same time
                raise native.failure(status)

    def __enter__(self: _H) -> _H:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None and self._handle.value and native.is_usable():
            close = getattr(native.library(), self._close)
            try:
                close(self._handle)
            except BaseException:
                close(self._handle)  # the signal may have come before the call; closing twice is no error
                raise


class Canceller(Handle):
    """Ends the calls that it is given to."""

    _close = "srm_cancel_close"

    def __init__(self) -> None:
        super().__init__()
        native.check(native.library().srm_cancel_create(byref(self._handle)))
        self.given = c_void_p(self._handle.value)  # stays what it is when this is closed: a late call is refused then

    def cancel(self) -> None:
        native.library().srm_cancel(self.given)


class _CallsBack:
    """The calls that call Python back. A thread of the library cannot end within a callback, so they end before the interpreter does."""

    def __init__(self) -> None:
        self._open: dict[int, Optional[c_void_p]] = {}
        self._ends = False
        atexit.register(self._finish)

    def begin(self, number: int, canceller: Optional[c_void_p]) -> None:
        if self._ends:
            raise RuntimeError("the interpreter is ending: no call can call it back any more")
        self._open[number] = canceller

    def end(self, number: int) -> None:
        self._open.pop(number, None)

    def _finish(self) -> None:
        self._ends = True
        if not native.is_usable():
            return
        deadline = monotonic() + 10
        for canceller in list(self._open.values()):
            native.library().srm_cancel(canceller)
        while self._open and monotonic() < deadline:
            sleep(0.005)
        sleep(0.005)  # the last of them returns from its callback


calls_back = _CallsBack()
numbers = itertools.count(1)  # names of calls


def interruptible(call: Callable[[c_void_p], T]) -> T:
    """Runs ``call(canceller)``. On the main thread it runs beside it, so that Ctrl-C is heard at once: it cancels the call, and raises when that has ended.

    A second Ctrl-C raises at once. The call then ends by itself; what it writes to must be held by ``call``.
    """
    canceller = Canceller()
    if threading.current_thread() is not threading.main_thread():
        with canceller:
            return call(canceller.given)
    outcome: list[Any] = []
    over = threading.Lock()  # an Event's own lock may be left in disorder by a signal
    over.acquire()
    begin = threading.Lock()  # whoever takes it: the call, or a signal that came before it

    def run() -> None:
        if not begin.acquire(blocking=False):
            return
        try:
            outcome.append((call(canceller.given), None))
        except BaseException as error:  # handed on to the caller's thread
            outcome.append((None, error))
        finally:
            try:
                canceller.close()
            finally:
                over.release()

    try:
        # Not a threading.Thread: what that keeps of its own in Python a signal leaves in disorder.
        _thread.start_new_thread(run, ())
        while not over.acquire(timeout=0.2):
            pass
    except BaseException:
        canceller.cancel()
        while not begin.acquire(blocking=False) and not over.acquire(timeout=0.2):
            pass
        raise
    value, error = outcome.pop()
    try:
        if error is not None:
            raise error
        return value
    finally:
        del error  # it holds this frame


class Pace:
    """Guesses by what the last call took which one is short. A short one runs on the caller's thread, and Ctrl-C is heard when it is over."""

    def __init__(self) -> None:
        self.seconds = 1.0  # that a character took

    def is_short(self, length: int) -> bool:
        return length * self.seconds <= _SHORT

    def learn(self, length: int, start: float) -> None:
        self.seconds = (perf_counter() - start) / max(1, length)


_NO_PROGRESS = native.PROGRESS()  # type: ignore[call-overload]  # ctypes: a null function


def _told_by(progress: Optional[Progress]) -> Any:
    """A C callback; where the caller's raises, the call is cancelled and ``errors`` has what was raised."""
    errors: list[BaseException] = []
    if progress is None:
        return _NO_PROGRESS, errors
    tell = progress

    def told(_: Any, stage: bytes, done: int, total: int) -> int:
        try:
            tell(stage.decode(), done, total)
            return 0
        except BaseException as error:
            errors.append(error)
            return 1

    return native.PROGRESS(told), errors


def run(
    options: Any, progress: Optional[Progress], call: Callable[[], int], *, pace: Optional[Pace] = None, length: int = 0, may_lack_room: bool = False
) -> int:
    """Runs a call that takes cancel and progress from its options' struct, which ``call`` passes on; gives its status.

    pace, length: what tells whether it is short; without a pace it is not. may_lack_room: SRM_BUFFER is an answer, not an error.
    """
    options.progress, errors = _told_by(progress)

    def work(cancel: Optional[c_void_p]) -> int:
        options.cancel = cancel
        if progress is None:
            status = call()
        else:
            number = next(numbers)
            calls_back.begin(number, cancel)
            try:
                status = call()
            finally:
                calls_back.end(number)
        if status != 0 and not (may_lack_room and status == native.BUFFER):
            raise native.failure(status)
        return status

    start, status = perf_counter(), 0
    try:
        status = work(None) if pace is not None and pace.is_short(length) else interruptible(work)
    except native.SparseRMError:
        if not errors:
            raise
    if errors:
        raise errors[0]
    if pace is not None and status == 0:
        pace.learn(length, start)
    return status


def written(attempt: Callable[[Any, int, Any], int]) -> Any:
    """The JSON that a function writes into a buffer of ours, which grows where it must. ``attempt`` gives a status: 0 or SRM_BUFFER."""
    room = 4096
    while True:
        buffer, needed = ctypes.create_string_buffer(room), c_int64()
        if attempt(buffer, room, needed) == 0:
            return json.loads(buffer.value)
        room = needed.value


def described(function: Callable[..., int], handle: c_void_p) -> Any:
    """What a function says of a handle, as JSON."""

    def attempt(to: Any, room: int, needed: c_int64) -> int:
        status = function(handle, to, room, byref(needed))
        if status != native.BUFFER:
            native.check(status)
        return status

    return written(attempt)


class Results:
    """Where C writes the scores of a call: its structs, and the sentences and numbers that they point to."""

    def __init__(self, count: int, parts: int = 0) -> None:
        self.structs = (native.Result * max(1, count))()
        self._sentences = ctypes.create_string_buffer(max(1, count) * _ERROR_BYTES)
        self._parts = [(c_float * parts)() for _ in range(count)] if parts else []
        for number, result in enumerate(self.structs):
            result.struct_size = ctypes.sizeof(native.Result)
            result.error, result.error_capacity = ctypes.addressof(self._sentences) + number * _ERROR_BYTES, _ERROR_BYTES
            if number < len(self._parts):
                result.components, result.component_capacity = self._parts[number], parts

    def error(self, number: int) -> Optional[native.SparseRMError]:
        """Why an input has no score; None where it has one."""
        status = self.structs[number].status
        return None if status == 0 else native.failure(status, ctypes.string_at(ctypes.addressof(self._sentences) + number * _ERROR_BYTES))

    def parts(self, number: int) -> Sequence[float]:
        return list(self._parts[number])
