"""What Python's calls cost over the C function for one text: overhead.py LOOP MODEL REWARD [TURNS]. They take turns in one process; medians in microseconds."""

import ctypes
import statistics
import sys
import time

from sparserm import SparseRM, _native

PROMPT, ANSWER = "What is six minus three?", "Three."
DIALOGUE = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": ANSWER}]


def main(loop_path: str, model: str, reward_path: str, turns: int = 3000) -> None:
    loop = ctypes.CDLL(loop_path)
    loop.score_pair.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_double))
    with SparseRM(model, reward_path, threads=1) as reward:
        function = ctypes.cast(_native.library().srm_score, ctypes.c_void_p)
        seconds, prompt, answer = ctypes.c_double(), PROMPT.encode(), ANSWER.encode()

        def in_c() -> float:
            assert loop.score_pair(function, reward._handle, prompt, answer, ctypes.byref(seconds)) == 0
            return seconds.value

        def timed(call) -> float:
            start = time.perf_counter()
            call()
            return time.perf_counter() - start

        calls = {
            "score(prompt, answer)": lambda: reward.score(PROMPT, ANSWER),
            "score(prompt, [answer])": lambda: reward.score(PROMPT, [ANSWER]),
            "score_batch([(prompt, answer)])": lambda: reward.score_batch([(PROMPT, ANSWER)]),
            "score_batch([dialogue])": lambda: reward.score_batch([DIALOGUE]),
        }
        for name, call in calls.items():
            over, python, c = [], [], []
            for turn in range(turns + 200):
                first = in_c() if turn % 2 else timed(call)
                second = timed(call) if turn % 2 else in_c()
                if turn >= 200:
                    python.append(second if turn % 2 else first)
                    c.append(first if turn % 2 else second)
                    over.append(python[-1] - c[-1])
            print(f"{name:34}{1e6 * statistics.median(python):9.1f}{1e6 * statistics.median(c):9.1f}{1e6 * statistics.median(over):9.1f}")


if __name__ == "__main__":
    print(f"{'call':34}{'Python us':>9}{'C us':>9}{'over':>9}")
    main(*sys.argv[1:4], *(int(turns) for turns in sys.argv[4:5]))
