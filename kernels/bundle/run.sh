#!/bin/sh
# Tries the CUDA kernels on this machine: conformance, goldens, compute-sanitizer where it is, benchmarks, and PyTorch beside
# them. Writes results/results.json and results/table.txt, and what each step said beside them; the exit code is the number of
# steps that failed.
#   ./run.sh              through the machine's NVIDIA driver, libcuda.so.1
#   ./run.sh --mock       through the mock driver, which runs the kernels on the processor: whether the bundle is whole
# A filter may follow, as the tests' own --filter-class takes it: ./run.sh --mock '*ElementwiseTests'. Without one the ops
# are tested, but for those of the processor alone; the project's other tests look at sources, which are not here.
here=$(cd "$(dirname "$0")" && pwd)
results=$here/results
mkdir -p "$results"
failed=0
steps=''
if [ "$1" = --mock ]; then
  shift
  # The tests install their mock where no driver is named; the command line is told of it.
  mock=1 tests_driver='' driver=$here/program/libsrm_mock_cuda.so
else
  mock='' tests_driver=${SPARSERM_CUDA_DRIVER:-libcuda.so.1} driver=$tests_driver
fi
filter=${1:-}

note() { # NAME passed|failed|skipped SECONDS [WHY]
  steps="$steps${steps:+,}{\"name\":\"$1\",\"outcome\":\"$2\",\"seconds\":$3${4:+,\"why\":\"$4\"}}"
  printf '%-8s %-20s %4s s  %s\n' "$2" "$1" "$3" "${4:-}" | tee -a "$results/table.txt"
}

step() { # NAME COMMAND...
  name=$1
  shift
  start=$(date +%s)
  if "$@" >"$results/$name.txt" 2>"$results/$name.err"; then
    note "$name" passed $(($(date +%s) - start))
  else
    note "$name" failed $(($(date +%s) - start)) "see $name.txt and $name.err"
    failed=$((failed + 1))
  fi
}

tests() { # [--under CHECKER] ASSEMBLY FILTER [OPTIONS...]
  under=''
  if [ "$1" = --under ]; then under=$2; shift 2; fi
  assembly=$1 class=$2
  shift 2
  # shellcheck disable=SC2086 # the checker's options are words
  SPARSERM_CUDA_DRIVER=$tests_driver SPARSERM_TEST_BACKENDS=cuda:0 SPARSERM_EVIDENCE=$results/evidence.json \
    $under "$here/program/sparserm-gpu" "$assembly" --filter-class "$class" "$@"
}

sparserm() { SPARSERM_CUDA_DRIVER=$driver "$here/program/sparserm-gpu" sparserm "$@"; }

json() { # NAME: what a step printed, where that is JSON
  if [ -s "$results/$1.txt" ] && [ "$(head -c 1 "$results/$1.txt")" = '{' ]; then cat "$results/$1.txt"; else printf 'null'; fi
}

: >"$results/table.txt"
rm -f "$results/rows.jsonl" "$results"/*.txt.new
cp "$here/evidence.json" "$results/evidence.json"
step conformance tests SparseRM.Conformance.Tests "${filter:-SparseRM.Conformance.Ops.*}" --filter-not-class '*.Int8Tests'
step goldens tests SparseRM.Golden.Tests SparseRM.Golden.Tests.Models.ModelGoldenTests
if [ -n "$mock" ]; then
  note compute-sanitizer skipped 0 'the mock driver checks memory itself'
elif command -v compute-sanitizer >/dev/null 2>&1; then
  step compute-sanitizer tests --under 'compute-sanitizer --error-exitcode 3' SparseRM.Conformance.Tests '*MatMulTests'
else
  note compute-sanitizer skipped 0 'compute-sanitizer is not on the PATH'
fi
if [ -n "$mock" ]; then ops='--shape miniworld_mlp_up_25tok --dtype bf16 --quick'; else ops=''; fi
step kernels sparserm kernels --backend cuda:0 --json
# shellcheck disable=SC2086 # options are words
step bench_ops sparserm kernels bench --backend cuda:0 $ops --resume "$results/rows.jsonl" --json
if [ -n "$mock" ]; then
  note bench skipped 0 'the mock driver has no time for a whole model'
else
  step bench sparserm bench --backend cuda:0 --shape gemma-2-2b --batch 32 --json
fi
if [ -n "$mock" ]; then
  note pytorch skipped 0 'needs a GPU'
elif python3 -c 'import torch' 2>/dev/null; then
  step pytorch python3 "$here/torch_side.py"
else
  note pytorch skipped 0 'python3 has no module torch; pip install torch'
fi
{
  printf '{"steps":[%s],"evidence":' "$steps"
  cat "$results/evidence.json"
  for name in kernels bench_ops bench; do
    printf ',"%s":' "$name"
    json $name
  done
  printf ',"pytorch":['
  if [ -s "$results/pytorch.txt" ]; then paste -s -d , "$results/pytorch.txt"; fi
  printf ']}\n'
} >"$results/results.json"
# The rows are there: nothing is timed again.
# shellcheck disable=SC2086
sparserm kernels bench --backend cuda:0 $ops --resume "$results/rows.jsonl" >>"$results/table.txt" 2>/dev/null
[ -s "$results/pytorch.txt" ] && cat "$results/pytorch.txt" >>"$results/table.txt"
echo "written  $results/results.json and table.txt"
exit $failed
