"""A reward function for TRL's trainers (GRPO, RLOO, ..), which take any callable of prompts and completions."""

from __future__ import annotations

from typing import Any, Callable, Optional

from ._dialogues import dialogues
from ._models import Path
from ._rewards import SparseRM


def reward(model: Path, reward: Path, *, name: str = "sparserm", sae: Optional[Path] = None, **options: Any) -> Callable[..., list[float]]:
    """``GRPOTrainer(..., reward_funcs=sparserm.trl.reward("model", "reward.safetensors"))``.

    Prompts and completions are texts or lists of messages, as TRL hands them over. The model opens at the first call, in the process that trains;
    the function's ``close()`` closes it.
    """
    opened: list[SparseRM] = []

    def sparserm_reward(prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        if not opened:
            opened.append(SparseRM(model, reward, sae=sae, **options))
        return opened[0].score_batch(dialogues(prompts, completions))

    def close() -> None:
        while opened:
            opened.pop().close()

    sparserm_reward.__name__ = name
    sparserm_reward.close = close  # type: ignore[attr-defined]
    return sparserm_reward
