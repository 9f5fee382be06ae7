"""The C library: its structs, its functions, its errors. Mirrors sparserm.h; nothing is loaded before the first call."""

from __future__ import annotations

import ctypes
import os
import threading
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any, Optional

ABI_VERSION = 2
HANDLE, BUFFER = 12, 14  # statuses: SRM_HANDLE, SRM_BUFFER

PROGRESS = ctypes.CFUNCTYPE(c_int32, c_void_p, c_char_p, c_int64, c_int64)
LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class SparseRMError(Exception):
    """A call that failed. ``kind`` is the status's name in lower case without ``SRM_``, such as ``"data"`` or ``"cancelled"``."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind


class Text(ctypes.Structure):
    _fields_ = [("data", c_char_p), ("length", c_int64)]


class Message(ctypes.Structure):
    _fields_ = [("role", Text), ("content", Text), ("fields", Text)]


class _Sized(ctypes.Structure):
    def __init__(self, **values: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **values)


class Call(_Sized):
    _fields_ = [("struct_size", c_int64), ("progress", PROGRESS), ("user", c_void_p), ("cancel", c_void_p)]


class BackboneOptions(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("model", c_char_p), ("backend", c_char_p), ("variants", c_char_p), ("compute", c_char_p),
        ("chat_template", c_char_p), ("threads", c_int32), ("layer", c_int32), ("truncation", c_int32), ("ids_only", c_int32),
        ("max_batch_tokens", c_int64), ("prefix_cache_bytes", c_int64), ("queue_requests", c_int64), ("queue_tokens", c_int64),
        ("progress", PROGRESS), ("user", c_void_p), ("cancel", c_void_p),
    ]


class Input(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("kind", c_int64), ("prompt", Text), ("text", Text), ("messages", POINTER(Message)),
        ("message_count", c_int64), ("ids", POINTER(c_int32)), ("id_count", c_int64), ("answer_start", c_int64), ("answer_end", c_int64),
    ]


class ScoreOptions(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("priority", c_int64), ("deadline_ms", c_double), ("aggregate", c_char_p), ("doubt", c_int32),
        ("novelty", c_int32), ("progress", PROGRESS), ("user", c_void_p), ("cancel", c_void_p),
    ]


class Result(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("status", c_int32), ("score", c_float), ("error", c_void_p), ("error_capacity", c_int64),
        ("standard_deviation", c_double), ("novelty", c_double), ("tokens", c_int64), ("components", POINTER(c_float)), ("component_capacity", c_int64),
    ]


class Counts(_Sized):
    _fields_ = [("struct_size", c_int64)] + [
        (name, c_int64)
        for name in ("waiting_requests", "waiting_tokens", "computed_tokens", "found_tokens", "cached_bytes", "batches", "sequences")
    ]


class FitOptions(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("backbone", POINTER(BackboneOptions)), ("sae", c_char_p), ("data", c_char_p), ("output", c_char_p),
        ("cache", c_char_p), ("position", c_char_p), ("input", c_char_p), ("loss", c_char_p), ("aggregate", c_char_p), ("layer", c_int32), ("k", c_int32),
        ("hidden_units", c_int32), ("max_epochs", c_int32), ("seeds", c_int32), ("heads", c_int32), ("skip_bad", c_int32), ("reserved", c_int32), ("margin", c_double),
        ("held_out_fraction", c_double), ("seed", c_int64), ("pairs", c_int64), ("progress", PROGRESS), ("user", c_void_p), ("cancel", c_void_p),
    ]


class FitResult(_Sized):
    _fields_ = [
        ("struct_size", c_int64), ("pairs", c_int64), ("held_out_pairs", c_int64), ("skipped_rows", c_int64),
        ("training_accuracy", c_double), ("held_out_accuracy", c_double),
    ]


DONE = ctypes.CFUNCTYPE(None, c_void_p, c_int32, POINTER(Result), c_int64)
STRUCTS = (Call, Text, Message, BackboneOptions, Input, ScoreOptions, Result, Counts, FitOptions, FitResult)

_h, _o, _s, _n = c_void_p, POINTER(c_void_p), c_char_p, c_int64
_text_out = (c_char_p, _n, POINTER(_n))
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "srm_cancel_create": (_o,), "srm_cancel": (_h,), "srm_cancel_close": (_h,), "srm_set_log": (LOG, c_void_p),
    "srm_backbone_open": (POINTER(BackboneOptions), _o), "srm_backbone_close": (_h,), "srm_backbone_describe": (_h, *_text_out),
    "srm_backbone_counts": (_h, POINTER(Counts)), "srm_reward_open": (_s, _s, POINTER(BackboneOptions), _o),
    "srm_reward_attach": (_h, _s, _s, POINTER(Call), _o), "srm_reward_backbone": (_h, _o), "srm_reward_describe": (_h, *_text_out), "srm_reward_close": (_h,),
    "srm_score": (_h, _s, _n, _s, _n, POINTER(c_float)),
    "srm_score_batch": (_h, POINTER(Input), _n, POINTER(ScoreOptions), POINTER(Result)),
    "srm_score_group": (_h, POINTER(Message), _n, POINTER(Text), _n, POINTER(ScoreOptions), POINTER(Result)),
    "srm_score_async": (_h, POINTER(Input), _n, POINTER(ScoreOptions), DONE, c_void_p),
    "srm_session_open": (_h, POINTER(Message), _n, _o), "srm_session_open_ids": (_h, c_void_p, _n, _o), "srm_session_append": (_h, c_void_p, _n),
    "srm_session_set_answer": (_h, _s, _n), "srm_session_score": (_h, POINTER(ScoreOptions), POINTER(c_float)), "srm_session_length": (_h, POINTER(_n)),
    "srm_session_fork": (_h, _o), "srm_session_close": (_h,),
    "srm_score_tokens": (_h, POINTER(Input), c_int32, POINTER(ScoreOptions), c_void_p, c_void_p, _n, POINTER(_n)),
    "srm_explain": (_h, POINTER(Input), c_int32, c_int32, POINTER(ScoreOptions), *_text_out),
    "srm_encode": (_h, POINTER(Input), c_void_p, _n, POINTER(_n), POINTER(_n), POINTER(_n)),
    "srm_hidden_states": (_h, POINTER(Input), c_int32, POINTER(Call), c_void_p, _n, POINTER(_n), POINTER(_n)),
    "srm_sae_open": (_h, _s, POINTER(Call), _o), "srm_sae_width": (_h, POINTER(_n), POINTER(_n), POINTER(c_int32)),
    "srm_sae_encode_dense": (_h, c_void_p, _n, POINTER(Call), c_void_p, _n),
    "srm_sae_encode_sparse": (_h, c_void_p, _n, POINTER(Call), c_void_p, c_void_p, c_void_p, _n, POINTER(_n)), "srm_sae_close": (_h,),
    "srm_fit": (POINTER(FitOptions), POINTER(FitResult)),
}

_gate = threading.Lock()
_library: Optional[ctypes.CDLL] = None
_process = 0


def library() -> ctypes.CDLL:
    """The library, loaded at the first call. A process that forked after that must not use it: its threads are not in the child."""
    if _library is None:
        return _load()
    if os.getpid() != _process:
        raise RuntimeError(
            "sparserm was used before this process was forked, and its threads are not in the child; "
            "start workers with the method spawn or forkserver, or first use sparserm after the fork"
        )
    return _library


def is_usable() -> bool:
    """Whether this process loaded the library and did not fork since: what a finaliser asks before it calls."""
    return _library is not None and os.getpid() == _process


def _load() -> ctypes.CDLL:
    global _library, _process
    with _gate:
        if _library is not None:
            return _library
        beside = Path(__file__).with_name("libsparserm.so")
        path = os.environ.get("SPARSERM_LIBRARY") or (str(beside) if beside.exists() else "libsparserm.so")
        try:
            loaded = ctypes.CDLL(path)
        except OSError as error:
            raise ImportError(f"libsparserm.so cannot be loaded ({error}); install the wheel, or set SPARSERM_LIBRARY to its path") from error
        loaded.srm_version.restype = loaded.srm_last_error.restype = loaded.srm_status_name.restype = c_char_p
        loaded.srm_struct_size.restype = loaded.srm_open_handles.restype = c_int64
        if loaded.srm_abi_version() != ABI_VERSION:
            raise ImportError(f"{path} has ABI version {loaded.srm_abi_version()}, this package needs {ABI_VERSION}; install both of one version")
        for name, arguments in _FUNCTIONS.items():
            getattr(loaded, name).argtypes = arguments
        _process, _library = os.getpid(), loaded
        return loaded


def failure(status: int, sentence: Optional[bytes] = None) -> SparseRMError:
    """The error of a status, with this thread's last sentence unless one is given."""
    loaded = library()
    name = loaded.srm_status_name(status).decode()
    text = loaded.srm_last_error() if sentence is None else sentence
    return SparseRMError(status, name.removeprefix("SRM_").lower(), text.decode("utf-8", "replace"))


def check(status: int) -> None:
    if status != 0:
        raise failure(status)
