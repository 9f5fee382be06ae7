"""Fits on a file of pairs, or says why not: parquet.py MODEL PAIRS OUTPUT SAE."""

import sys

import sparserm

try:
    result = sparserm.fit(*sys.argv[1:4], sae=sys.argv[4], k=4, pairs=20, max_epochs=2, hidden_units=16, held_out_fraction=0, threads=2)
    print(f"fitted on {result.pairs} pairs")
except sparserm.SparseRMError as error:
    print(f"{error.kind}: {error}")
