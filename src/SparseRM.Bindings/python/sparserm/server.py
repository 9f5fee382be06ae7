"""A client of ``sparserm serve``. It needs nothing but Python's own library.

    from sparserm.server import RewardServer

    server = RewardServer("http://127.0.0.1:8000")
    print(server.score("Name a prime.", "7"))

A failure raises :class:`ServerError`. No failure ever becomes a number.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import os
import random
import threading
import time
import urllib.parse
from typing import Any, Callable, Mapping, Optional, Sequence, Union

from ._dialogues import dialogues

Prompt = Union[str, Sequence[Mapping[str, Any]]]

_DEFAULT_URL = "http://127.0.0.1:8000"
_AGAIN = (429, 502, 503)


class ServerError(Exception):
    """An input, or a whole request, has no score.

    ``kind`` is the server's word for it (``full``, ``deadline``, ``too_long``, ``text``, ..), ``status`` the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, kind: str = "unreachable", status: Optional[int] = None):
        super().__init__(message)
        self.kind = kind
        self.status = status


class RewardServer:
    """A reward server. Thread-safe; each thread keeps a connection of its own.

    :param url: Where it listens; the environment's SPARSERM_URL where it is None.
    :param model: Which of its reward models; None for the first.
    :param api_key: Its key; the environment's SPARSERM_API_KEY where it is None.
    :param timeout: Seconds that a call may take, with all its tries. The server is told to give up then, too.
    """

    def __init__(self, url: Optional[str] = None, model: Optional[str] = None, api_key: Optional[str] = None, timeout: float = 120.0):
        self.url = (url or os.environ.get("SPARSERM_URL") or _DEFAULT_URL).rstrip("/")
        self.model = model
        self.timeout = timeout
        if not 0 < timeout <= 86_400:
            raise ValueError(f"timeout is {timeout}, expected seconds above 0, up to 86400")
        # Files and shells end a key with a newline, which no header can have.
        self._key = (api_key if api_key is not None else os.environ.get("SPARSERM_API_KEY") or "").strip()
        self._parts = urllib.parse.urlsplit(self.url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{self.url} is not the URL of a server, such as {_DEFAULT_URL}")
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "model": self.model, "api_key": self._key, "timeout": self.timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def score(self, prompt: Prompt, response: str) -> float:
        """The score of an answer to a prompt: a text, which is one user turn, or messages."""
        return self.score_all([{"prompt": prompt, "response": response}])[0]

    def score_group(self, prompt: Prompt, responses: Sequence[str]) -> list[float]:
        """Scores of several answers to one prompt; the prompt is computed once."""
        return self.score_all([{"prompt": prompt, "response": response} for response in responses])

    def score_all(self, inputs: Sequence[Mapping[str, Any]], **options: Any) -> list[float]:
        """The score of each input (``prompt`` with ``response``, ``messages``, ``text`` or ``ids``); raises where one has none."""
        return [_score(result) for result in self.rewards(inputs, **options)]

    def rewards(self, inputs: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """All that the server says of each input; one that has no score has ``error`` instead of ``score``. Options are those of ``/v1/rewards``."""
        if not inputs:
            return []
        body: dict[str, Any] = {"inputs": list(inputs), **options}
        if self.model is not None:
            body.setdefault("model", self.model)
        results = self._post("/v1/rewards", body)["results"]
        if len(results) != len(inputs):
            raise ServerError(f"{self.url} answered {len(results)} results to {len(inputs)} inputs", "internal")
        return results

    async def rewards_async(self, inputs: Sequence[Mapping[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """As :meth:`rewards`, without blocking the event loop."""
        return await asyncio.to_thread(self.rewards, inputs, **options)

    def trl(self, name: str = "sparserm") -> Callable[..., list[float]]:
        """A reward function for TRL's trainers: ``GRPOTrainer(..., reward_funcs=server.trl())``."""

        def reward(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float]:
            return self.score_all([{"messages": dialogue} for dialogue in dialogues(prompts, completions)])

        reward.__name__ = name
        return reward

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        end = time.monotonic() + self.timeout
        pause = 0.25
        failure: Optional[ServerError] = None
        while (left := end - time.monotonic()) > 0:
            try:
                return self._try(path, body, left)
            except ServerError as error:
                # The last try has little time: what kept those before it from a score says more.
                if error.kind == "deadline" and failure is not None:
                    raise failure from error
                if error.status is not None and error.status not in _AGAIN:
                    raise
                # Full, or not reachable just now; sent again, a call gets the same scores.
                failure = error
            wait = pause * (0.5 + random.random())
            if time.monotonic() + wait >= end:
                break
            time.sleep(wait)
            pause = min(2 * pause, 8.0)
        # What kept the call from its score says more than that time is up.
        raise failure or self._late()

    def _late(self) -> ServerError:
        return ServerError(f"{self.url} gave no answer within {self.timeout:g} s", "deadline")

    def _try(self, path: str, body: dict[str, Any], left: float) -> dict[str, Any]:
        end = time.monotonic() + left
        text = json.dumps({"deadline_ms": max(1, int(1000 * left)), **body})
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["X-API-Key"] = self._key
        connection = self._connection(left)
        try:
            try:
                connection.request("POST", self._parts.path + path, text.encode(), headers)
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # A server that takes no more of a body has said why.
                connection.sock.settimeout(min(left, 5.0))
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._local.connection = None
            connection.close()
            if isinstance(error, TimeoutError) and time.monotonic() >= end - 0.05:
                raise self._late() from error
            raise ServerError(f"{self.url} cannot be reached: {error or type(error).__name__}") from error
        try:
            parsed = json.loads(answer)
        except ValueError:
            raise ServerError(f"{self.url} answered {response.status} without JSON", "internal", response.status) from None
        if response.status != 200:
            problem = parsed.get("error") or {} if isinstance(parsed, dict) else {}
            raise ServerError(problem.get("message", f"{self.url} answered {response.status}"), problem.get("kind", "internal"), response.status)
        return parsed

    def _connection(self, left: float) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            connection = self._local.connection = kind(self._parts.hostname, self._parts.port)
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        return connection


def _score(result: Mapping[str, Any]) -> float:
    error = result.get("error")
    if error is not None:
        raise ServerError(error["message"], error["kind"], 200)
    score = float(result["score"])
    if not math.isfinite(score):
        raise ServerError(f"the server answered the score {score}", "internal", 200)
    return score
