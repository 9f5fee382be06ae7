// The method's score of a hidden state in one kernel: v = directions z, the projections on the chosen latents' decoder
// rows; score = w2 · relu(w1 v + b1) + b2. Sums in f32.
#include "srm_cuda/warp.cuh"

using namespace srm;

namespace {

constexpr int kDirections = 32, kRows = 4, kWarps = 8, kThreads = kWarps * kWarp, kOfWarp = kDirections / kWarps;

}  // namespace

// A block projects 4 rows on 32 directions (a warp on 4 of them, its lanes along d_model) and multiplies the 32 columns
// of w1 with them at once, so v never leaves it; the partial sums of the hidden units go to `partials`. The last block
// of a row tile to arrive adds them up in the order of the directions and computes the scores, so bits do not depend on
// who is last. Why not products and a relu: three launches for 3 MFLOP a row, each waiting for the one before. z: f32
// rows [rows, d_model]; directions [n, d_model]; w1 [hidden, n]; b1, w2 [hidden]; partials [rows, ceil(n / 32),
// hidden]; arrived [ceil(rows / 4)], zeros before and after; scores [rows]. grid = (ceil(n / 32), ceil(rows / 4)),
// block = 256.
extern "C" __global__ void __launch_bounds__(kThreads)
    project_head_fused(const float* z, int z_stride, const float* directions, int d_model, int n, const float* w1,
                       const float* b1, const float* w2, float b2, int hidden, float* partials, int* arrived,
                       float* scores, int rows) {
  __shared__ float projections[kRows][kDirections];
  __shared__ int is_last;
  const int first_row = static_cast<int>(blockIdx.y) * kRows, first = static_cast<int>(blockIdx.x) * kDirections;
  const int there = min_(kRows, rows - first_row), tiles = static_cast<int>(gridDim.x);

  float sums[kOfWarp][kRows] = {};
  for (int i = lane(); i < d_model; i += kWarp) {
    float state[kRows];
#pragma unroll
    for (int r = 0; r < kRows; r++) state[r] = r < there ? z[static_cast<i64>(first_row + r) * z_stride + i] : 0.0f;
#pragma unroll
    for (int j = 0; j < kOfWarp; j++) {
      const int direction = first + warp_index() * kOfWarp + j;
      const float value = direction < n ? directions[static_cast<i64>(direction) * d_model + i] : 0.0f;
#pragma unroll
      for (int r = 0; r < kRows; r++) sums[j][r] = fma_(value, state[r], sums[j][r]);
    }
  }
#pragma unroll
  for (int j = 0; j < kOfWarp; j++) {
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      const float sum = warp_sum(sums[j][r]);
      if (lane() == 0) projections[r][warp_index() * kOfWarp + j] = sum;
    }
  }
  sync_block();

  auto partial = [&](int r, int tile) { return partials + (static_cast<i64>(first_row + r) * tiles + tile) * hidden; };
  for (int unit = static_cast<int>(threadIdx.x); unit < hidden; unit += kThreads) {
    float units[kRows] = {};
    for (int j = 0; j < min_(kDirections, n - first); j++) {
      const float weight = w1[static_cast<i64>(unit) * n + first + j];
#pragma unroll
      for (int r = 0; r < kRows; r++) units[r] = fma_(weight, projections[r][j], units[r]);
    }
#pragma unroll
    for (int r = 0; r < kRows; r++)
      if (r < there) partial(r, static_cast<int>(blockIdx.x))[unit] = units[r];
  }
  fence_device();
  sync_block();
  if (threadIdx.x == 0) is_last = add_atomically(&arrived[blockIdx.y], 1) == tiles - 1;
  sync_block();
  if (!is_last) return;
  fence_device();

  for (int r = 0; r < there; r++) {
    float score = 0.0f;
    for (int unit = static_cast<int>(threadIdx.x); unit < hidden; unit += kThreads) {
      float sum = 0.0f;
      for (int tile = 0; tile < tiles; tile++) sum = sum + partial(r, tile)[unit];
      score = fma_(w2[unit], max_(0.0f, sum + b1[unit]), score);
    }
    score = block_sum<kWarps>(score);
    if (threadIdx.x == 0) scores[first_row + r] = score + b2;
  }
  if (threadIdx.x == 0) arrived[blockIdx.y] = 0;
}
SRM_KERNEL(project_head_fused)
