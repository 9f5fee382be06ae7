"""Ctrl-C at random moments, two and thirty at a time, while other threads collect garbage: interrupts.py MODEL REWARD SECONDS [SEED].

Runs under glibc's checking allocator, which ends the process where freed memory was written to.
"""

import gc
import os
import random
import signal
import sys
import threading
import time

CHECKED = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
if os.environ.get("MALLOC_CHECK_") != "3":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **CHECKED})

import sparserm
from sparserm import SparseRM

MODEL, REWARD, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
PROMPT, ANSWER = "What is six minus three?", "Three."
random.seed(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
main, sent, budget = threading.get_ident(), 0, 0
armed = over = False  # no events: a signal may leave those in disorder


def heard(*_):
    """Raises as often as the call that runs may be interrupted: a signal outside of it must not end this program."""
    global budget
    if budget > 0:
        budget -= 1
        raise KeyboardInterrupt


def interrupt():
    global sent
    while not over:
        if not armed:
            time.sleep(0.0002)
            continue
        time.sleep(random.random() * random.choice([0.0002, 0.002, 0.02]))
        for _ in range(random.choice([1, 1, 2, 3, 30])):
            if armed:
                signal.pthread_kill(main, signal.SIGINT)
                sent += 1
            time.sleep(random.random() * random.choice([0, 0.0001, 0.002]))


def collect():
    while not over:
        gc.collect()
        [bytearray(random.randrange(16, 300000)) for _ in range(20)]
        time.sleep(0.002)


def interrupted(call):
    """The call's result, or None where it was interrupted."""
    global armed
    most, result = 30, []

    def attempt():
        global armed, budget
        budget, armed = most, True
        result.append(call())

    def within(levels):
        # As many as there are interrupts: wherever one comes, a level is left that catches it, and that ends them.
        global budget
        try:
            within(levels - 1) if levels > 0 else attempt()
        except KeyboardInterrupt:
            pass
        budget = 0

    within(most)
    armed = False
    return result[0] if result else None


signal.signal(signal.SIGINT, heard)
reward = SparseRM(MODEL, REWARD, threads=2)
backbone = reward.backbone
alone, units = reward.score(PROMPT, ANSWER), list(reward.score_tokens((PROMPT, ANSWER))[0])
states = [list(row) for row in backbone.hidden_states((PROMPT, ANSWER), 4)]
long = lambda count: setattr(reward._pace, "seconds", 1.0) or [(PROMPT, ANSWER)] * count  # noqa: E731  # so that it is not taken for short
calls = [
    lambda: reward.score_batch(long(2)) == [alone] * 2,
    lambda: reward.score_batch(long(40)) == [alone] * 40,
    lambda: reward.score_batch(long(300), progress=lambda *_: None) == [alone] * 300,
    lambda: [score.score for score in reward.evaluate(long(20))] == [alone] * 20,
    lambda: list(reward.score_tokens(long(1)[0])[0]) == units,
    lambda: [list(row) for row in backbone.hidden_states((PROMPT, ANSWER), 4)] == states,
    lambda: backbone.attach(REWARD).score(PROMPT, ANSWER) == alone,
]
for target in (interrupt, collect):
    threading.Thread(target=target, daemon=True).start()
end, kept, lost = time.monotonic() + SECONDS, 0, 0
while time.monotonic() < end:
    found = interrupted(random.choice(calls))
    assert found is not False, "a score is not what it is alone"
    kept, lost = kept + (found is not None), lost + (found is None)
over = True
end = time.monotonic() + 60
while sparserm.open_handles() > 2 and time.monotonic() < end:  # what a second Ctrl-C left behind
    gc.collect()
    time.sleep(0.01)
assert reward.score(PROMPT, ANSWER) == alone
reward.close()
backbone.close()
gc.collect()
print(f"{sent} signals, {lost} calls interrupted, {kept} not, {sparserm.open_handles()} handles open")
