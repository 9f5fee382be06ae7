#!/bin/sh
# Tries the CUDA kernels on this machine: conformance, goldens, benchmarks, and PyTorch beside them. Results go to results/,
# one file a step, with a line for each on standard output; the exit code is the number of steps that failed.
#   ./run.sh              through the machine's NVIDIA driver, libcuda.so.1
#   ./run.sh --mock       through the mock driver, which runs the kernels on the processor: whether the bundle is whole
# A filter may follow, as the tests' own --filter-class takes it: ./run.sh --mock '*ElementwiseTests'
here=$(cd "$(dirname "$0")" && pwd)
results=$here/results
mkdir -p "$results"
failed=0
if [ "$1" = --mock ]; then
  shift
  # The tests install their mock where no driver is named; the command line is told of it.
  tests_driver='' driver=$here/conformance/libsrm_mock_cuda.so quick='--shape miniworld --dtype bf16 --quick'
else
  tests_driver=${SPARSERM_CUDA_DRIVER:-libcuda.so.1} driver=$tests_driver quick=''
fi
[ $# -gt 0 ] && filter="--filter-class $1" || filter=''

step() {
  name=$1
  shift
  if "$@" >"$results/$name.txt" 2>"$results/$name.err"; then
    echo "passed   $name"
  else
    echo "FAILED   $name: see $results/$name.txt and $name.err"
    failed=$((failed + 1))
  fi
}

# shellcheck disable=SC2086 # filters and options are words
tests() {
  set -f
  SPARSERM_CUDA_DRIVER=$tests_driver SPARSERM_EVIDENCE=$results/evidence.json "$@" $filter
}

cp "$here/evidence.json" "$results/evidence.json"
step conformance tests "$here/conformance/SparseRM.Conformance.Tests"
if [ -z "$filter" ]; then
  step goldens tests "$here/golden/SparseRM.Golden.Tests" --filter-class '*ModelGoldenTests'
fi
export SPARSERM_CUDA_DRIVER="$driver"
step kernels "$here/cli/sparserm" kernels --backend cuda:0 --json
step bench_ops "$here/cli/sparserm" kernels bench --backend cuda:0 --json ${quick:+--shape miniworld_mlp_up_25tok --dtype bf16 --quick}
step bench "$here/cli/sparserm" bench --backend cuda:0 --json ${quick:---shape gemma-2-2b --batch 32}
if python3 -c 'import torch' 2>/dev/null; then
  step pytorch python3 "$here/torch_side.py"
else
  echo "skipped  pytorch: python3 has no module torch; pip install torch"
fi
exit $failed
