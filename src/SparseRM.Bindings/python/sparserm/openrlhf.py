"""OpenRLHF's reward function: ``--reward.remote_url /path/to/sparserm/openrlhf.py`` (older: ``--remote_rm_url``).

The server is the environment's SPARSERM_URL, its reward model SPARSERM_MODEL. Without this file, ``--reward.remote_url http://HOST:8000/get_reward``
does the same over OpenRLHF's own wire. A failure raises: OpenRLHF then leaves the sample without a reward.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Sequence

from sparserm.server import RewardServer

_servers: list[RewardServer] = []


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Optional[str]], **_: Any) -> dict[str, Any]:
    """Scores of queries: prompts with their responses, decoded with special tokens kept."""
    if isinstance(queries, str):
        raise TypeError("queries is a str, expected a list of texts: each of its letters would get a score")
    if not _servers:
        _servers.append(RewardServer(model=os.environ.get("SPARSERM_MODEL")))
    scores = _servers[0].score_all([{"text": query} for query in queries])
    return {"rewards": scores, "scores": scores, "extra_logs": {"raw_reward": scores}}
