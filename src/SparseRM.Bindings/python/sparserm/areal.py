"""AReaL's reward function: ``from sparserm.areal import reward_fn``, given to ``RLVRWorkflow(reward_fn=...)``.

The server is the environment's SPARSERM_URL, its reward model SPARSERM_MODEL. AReaL makes the reward 0 of a call that takes longer than its own time-out
(15 s), which trains against long answers: the call is over before that, and a failure gives NaN, which no trainer takes for a score.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Sequence

from sparserm.server import RewardServer, ServerError

TIMEOUT = 12.0

_servers: list[RewardServer] = []


def reward_fn(
    prompt: Any, completions: Any, prompt_ids: Optional[Sequence[int]] = None, completion_ids: Optional[Sequence[int]] = None, **_: Any
) -> float:
    """The score of a completion: of its ids where they are given, which are those that the policy wrote, else of the texts."""
    if not _servers:
        _servers.append(RewardServer(model=os.environ.get("SPARSERM_MODEL"), timeout=TIMEOUT))
    if prompt_ids and completion_ids:
        ids = [*map(int, prompt_ids), *map(int, completion_ids)]
        given: dict[str, Any] = {"ids": ids, "answer": [len(prompt_ids), len(ids)]}
    elif isinstance(prompt, str):
        given = {"text": prompt + completions}
    else:
        given = {"prompt": list(prompt), "response": completions}
    try:
        return _servers[0].score_all([given])[0]
    except ServerError:
        return float("nan")
