"""Reward scores of answers, from a language model's hidden states.

    from sparserm import SparseRM

    with SparseRM("model", "reward.safetensors") as reward:
        print(reward.score("Name a prime.", ["7", "8", "9"]))
"""

from ._fit import FitResult, fit
from ._inputs import Ids, Rendered
from ._models import Backbone, Sae
from ._native import SparseRMError, library as _library
from ._rewards import Score, Session, SparseRM

__all__ = ["Backbone", "FitResult", "Ids", "Rendered", "Sae", "Score", "Session", "SparseRM", "SparseRMError", "fit", "open_handles", "version"]


def version() -> str:
    """The C library's version."""
    return _library().srm_version().decode()


def open_handles() -> int:
    """Handles that are open in this process: 0 where everything was closed."""
    return _library().srm_open_handles()
