"""Scores answers to one prompt: score.py MODEL REWARD PROMPT ANSWER..."""

import sys

from sparserm import SparseRM

model, reward, prompt, *answers = sys.argv[1:]
with SparseRM(model, reward) as scorer:
    for answer, score in zip(answers, scorer.score(prompt, answers)):
        print(f"{score:.9g}\t{answer}")
