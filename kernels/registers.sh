#!/bin/sh
# registers.sh [SOURCE.cu...]: compiles kernels (all by default) and prints what ptxas makes of each: threads, registers a
# thread, how many blocks an SM has registers and threads for, static shared memory, bytes spilled to local memory.
# Exit code 3 where there is no ptxas, or no compiler, or it does not take them.
set -eu
folder=$(dirname "$0")
if ! command -v ptxas >/dev/null 2>&1; then
  echo "registers.sh: ptxas is not on the PATH; it is a part of NVIDIA's CUDA toolkit." >&2
  exit 3
fi
if [ $# -eq 0 ]; then set -- "$folder"/ops/*.cu; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ptxas --version | sed -n 's/^Cuda compilation tools, /ptxas of CUDA /p'
printf '%-7s %-42s %8s %9s %7s %7s %6s\n' target kernel threads registers blocks shared spills
for arch in sm_80 sm_90a; do
  sh "$folder/compile.sh" "$arch" "$work" "$@" || { echo "registers.sh: no clang-19 or nvcc, or see above." >&2; exit 3; }
  for image in "$work"/*."$arch".ptx; do
    ptxas -v -arch="$arch" -o /dev/null "$image" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
    awk -v arch="$arch" '
      FNR == NR && /\.entry / { entry = $NF; sub(/\(.*/, "", entry) }
      FNR == NR && /\.maxntid/ { threads[entry] = $2 + 0 }
      FNR == NR { next }
      /properties for/ { kernel = $NF }
      /spill stores/ { for (i = 1; i < NF; i++) if ($(i + 1) " " $(i + 2) == "bytes spill") spills += $i }
      /Used [0-9]+ registers/ {
        shared = 0
        for (i = 1; i < NF; i++) {
          if ($i == "Used") registers = $(i + 1)
          if ($(i + 1) ~ /^bytes$/ && $(i + 2) ~ /^smem/) shared = $i
        }
        t = threads[kernel]; blocks = int(65536 / (int((registers + 7) / 8) * 8 * t))
        if (blocks > int(2048 / t)) blocks = int(2048 / t)
        printf "%-7s %-42s %8d %9d %7d %7d %6d\n", arch, kernel, t, registers, blocks, shared, spills
        spills = 0
      }' "$image" "$work/said"
  done
done
