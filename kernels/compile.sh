#!/bin/sh
# compile.sh ARCH OUTPUT_FOLDER SOURCE.cu...: PTX of kernels for sm_80 or sm_90a, as OUTPUT_FOLDER/{stem}.{arch}.ptx.
# By clang (no CUDA toolkit is needed), else by nvcc (12.0 or later, for C++20; 12.4 was tried); exit code 3 where there is
# neither. No contraction of a * b + c: see include/srm_cuda/math.cuh.
set -eu
arch=$1 output=$2
shift 2
include=$(dirname "$0")/include

# PTX 8.0 is of CUDA 12.0, the oldest driver. A file that needs more says so in its first line, as "PTX 8.3".
ptx_of() {
  asked=$(head -n 1 "$1" | sed -n 's/.*PTX \([0-9]\)\.\([0-9]\).*/\1\2/p')
  echo "ptx${asked:-80}"
}

for compiler in clang-19 clang-20 clang-21 nvcc none; do
  if command -v "$compiler" >/dev/null 2>&1; then break; fi
done
for source in "$@"; do
  target=$output/$(basename "$source" .cu).$arch.ptx
  case $compiler in
    clang-*)
      "$compiler" -x cuda --cuda-device-only --cuda-gpu-arch="$arch" --cuda-feature="+$(ptx_of "$source")" -nocudainc -nocudalib -O3 -std=c++20 \
        -ffp-contract=off -Wall -Wextra -Werror -I"$include" -S "$source" -o "$target.new" ;;
    nvcc) nvcc -ptx -x cu -arch="$arch" -O3 -std=c++20 -fmad=false -I"$include" "$source" -o "$target.new" ;;
    none) exit 3 ;;
  esac
  mv "$target.new" "$target"
done
