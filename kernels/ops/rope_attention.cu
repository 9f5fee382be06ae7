// Rope and rounding of what attention on tensor cores reads: the heads of q and k rotated as rope.cu does it, q, k and
// v as dense bf16 rows.
#include "srm_cuda/math.cuh"

using namespace srm;

namespace {

// A row of heads, rotated by the angles of its position; two threads' worth of a pair go out from one.
SRM_DEVICE void rotate(const float* x, const float* angles, int columns, int d_head, bf16* y) {
  const int half = d_head / 2;
  for (int i = static_cast<int>(threadIdx.x); i < columns / 2; i += static_cast<int>(blockDim.x)) {
    const int pair = i % half, at = i / half * d_head + pair;
    const float a = x[at], b = x[at + half], cosine = angles[pair], sine = angles[pair + half];
    y[at] = to_bf16(a * cosine - b * sine);
    y[at + half] = to_bf16(b * cosine + a * sine);
  }
}

}  // namespace

// One block a row: the first blocks take q's rows, the others each a row of k and of v. Why not rope and pack: q and k
// are written and read once more in f32, and three kernels more are launched. q [queries, q_columns], k and v [keys,
// k_columns]: f32 rows; positions of both; cos_sin as in rope.cu; the results are dense. grid = queries + keys.
extern "C" __global__ void __launch_bounds__(256)
    rope_attention_rope_pack_bf16(const float* q, int q_stride, const int* q_positions, int queries, int q_columns,
                                  const float* k, int k_stride, const float* v, int v_stride, const int* k_positions,
                                  int k_columns, const float* cos_sin, int table_stride, int d_head, bf16* q_packed,
                                  bf16* k_packed, bf16* v_packed) {
  i64 row = blockIdx.x;
  if (row < queries) {
    const float* angles = cos_sin + static_cast<i64>(q_positions[row]) * table_stride;
    rotate(q + row * q_stride, angles, q_columns, d_head, q_packed + row * q_columns);
    return;
  }
  row -= queries;
  const float* angles = cos_sin + static_cast<i64>(k_positions[row]) * table_stride;
  rotate(k + row * k_stride, angles, k_columns, d_head, k_packed + row * k_columns);
  v += row * v_stride;
  v_packed += row * k_columns;
  for (int i = static_cast<int>(threadIdx.x); i < k_columns; i += static_cast<int>(blockDim.x))
    v_packed[i] = to_bf16(v[i]);
}
SRM_KERNEL(rope_attention_rope_pack_bf16)
