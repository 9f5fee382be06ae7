"""The interpreter ends while calls run, and handles are closed by finalisers: exits.py MODEL REWARD SEED. It must end with 0 each time."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
import weakref

CHECKED = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
PROMPT = "What is six minus three?"


def asynchronous(reward):
    """Many completions are still to come."""

    async def some():
        tasks = [asyncio.ensure_future(reward.score_batch_async([(PROMPT, f"{i} {j}") for j in range(5)])) for i in range(300)]
        await asyncio.sleep(random.random() * 0.1)
        for task in tasks:
            task._log_destroy_pending = False

    asyncio.new_event_loop().run_until_complete(some())


def threads(call):
    """Daemon threads are in the library, or in a callback of it."""

    def run():
        while True:
            call()

    for _ in range(4):
        threading.Thread(target=run, daemon=True).start()
    time.sleep(0.05 + random.random() * 0.1)


def finalisers(reward):
    """Handles in a cycle, in a module's globals and behind a weak reference's callback."""
    cycle = [reward.backbone, reward.session(PROMPT)]
    cycle.append(cycle)
    globals()["kept"] = [reward.session(PROMPT) for _ in range(20)]
    watched = reward.backbone
    session = reward.session(PROMPT)
    weakref.finalize(watched, lambda: session.close())
    globals()["watched"] = watched
    threads(lambda: reward.session(PROMPT).fork())


KINDS = {
    "asynchronous": asynchronous,
    "progress": lambda reward: threads(lambda: reward.score_batch([(PROMPT, f"{random.random()}")] * 50, progress=lambda *_: None)),
    "plain": lambda reward: threads(lambda: reward.score(PROMPT, f"{random.random()}")),
    "finalisers": finalisers,
}

if __name__ == "__main__":
    if len(sys.argv) == 5:
        from sparserm import SparseRM

        random.seed(sys.argv[3])
        opened = SparseRM(*sys.argv[1:3], threads=2)
        opened.score(PROMPT, "Three.")
        KINDS[sys.argv[4]](opened)
        sys.exit(0)
    for kind in KINDS:
        ended = subprocess.run([sys.executable, __file__, *sys.argv[1:4], kind], env={**os.environ, **CHECKED}, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, f"{kind}: exit code {ended.returncode}: {ended.stderr}"
    print("ended")
