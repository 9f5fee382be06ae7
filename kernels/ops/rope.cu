// Rotates the heads of a row in place by the angles of its position. x: f32 rows [rows, heads * d_head]; cos_sin: row p
// has cos(p f_i) for i < d_head / 2, then the sines. One block a row.
#include "srm_cuda/platform.cuh"

using namespace srm;

extern "C" __global__ void __launch_bounds__(256)
    rope_row_per_block(float* x, int x_stride, const int* positions, const float* cos_sin, int table_stride, int heads,
                       int d_head) {
  int half = d_head / 2;
  x += static_cast<i64>(blockIdx.x) * x_stride;
  const float* angles = cos_sin + static_cast<i64>(positions[blockIdx.x]) * table_stride;
  for (int i = static_cast<int>(threadIdx.x); i < heads * half; i += static_cast<int>(blockDim.x)) {
    int pair = i % half;
    float* head = x + i / half * d_head;
    float a = head[pair], b = head[pair + half], cosine = angles[pair], sine = angles[pair + half];
    head[pair] = a * cosine - b * sine;
    head[pair + half] = b * cosine + a * sine;
  }
}
SRM_KERNEL(rope_row_per_block)
