// scores[i, h] = w2_h · relu(w1_h · v + b1_h) + b2_h with v = directions · z_i, or v = z_i where there are no
// directions: the projection, computed once, and the reward heads in one kernel.
#include "srm_cuda/warp.cuh"

using namespace srm;

namespace {

constexpr int kThreads = 256, kGroup = 8, kGroups = kThreads / kGroup;
constexpr double kNone = __builtin_nan("");  // of a unit that adds nothing, not even a zero with its sign

// sum_i a[i] * b[i] in f64 by eight neighbouring lanes, the same bits in each and those of
// SparseRM.Tensors.DotProduct: lane t sums i = t, t + 8, ...; then the sums of t and t + 4, pairs, and all; what is
// left of n follows in order. Products of f32 are exact in f64, so fused or not the bits are the same. Every lane of
// the warp calls it; `is_there`: for a group that has something to do.
SRM_DEVICE double dot_by_group(const float* a, const float* b, int n, bool is_there) {
  const int t = lane() % kGroup, whole = is_there ? n / kGroup * kGroup : 0;
  double sum = 0.0;
#pragma unroll 4
  for (int i = t; i < whole; i += kGroup) sum = fma_(static_cast<double>(a[i]), static_cast<double>(b[i]), sum);
  sum = sum + shfl_xor(sum, 4);
  sum = sum + shfl_xor(sum, 1);
  sum = sum + shfl_xor(sum, 2);
  if (!is_there) return 0.0;
  for (int i = whole; i < n; i++) sum = fma_(static_cast<double>(a[i]), static_cast<double>(b[i]), sum);
  return sum;
}

}  // namespace

// One block a row: eight lanes a direction, then for each head eight lanes a hidden unit, then one thread adds the
// units up in their order: 512 additions that depend on each other, some 2 us, which is what the same bits as on the
// host cost. z: f32 rows [rows, d_model]; directions [inputs, d_model] or null (then inputs is d_model); w1 [heads *
// hidden, inputs]; b1, w2 [heads, hidden]; b2 [heads]. A row with NaN or an infinity scores NaN on each. Why not
// products: v and the hidden layer would go through memory in f32. Dynamic shared memory: what each unit of a head
// adds, f64 [hidden], then v, f32 [inputs].
extern "C" __global__ void __launch_bounds__(kThreads)
    score_row_per_block(const float* z, int z_stride, const float* directions, int d_model, int inputs, const float* w1,
                        const float* b1, const float* w2, const float* b2, int hidden, int heads, float* scores,
                        int scores_stride) {
  SRM_DYNAMIC_SHARED(double, dynamic_shared);
  double* parts = dynamic_shared;
  float* v = reinterpret_cast<float*>(dynamic_shared + hidden);
  z += static_cast<i64>(blockIdx.x) * z_stride;
  const int group = static_cast<int>(threadIdx.x) / kGroup;

  int infinite = 0;
  for (int i = static_cast<int>(threadIdx.x); i < d_model; i += kThreads)
    infinite += (bits_of(z[i]) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
  infinite = block_sum<kThreads / kWarp>(infinite);

  if (directions == nullptr) {
    for (int i = static_cast<int>(threadIdx.x); i < inputs; i += kThreads) v[i] = z[i];
  } else {
    for (int first = 0; first < inputs; first += kGroups) {
      const int j = first + group;
      const double sum = dot_by_group(directions + static_cast<i64>(j) * d_model, z, d_model, j < inputs);
      if (j < inputs && lane() % kGroup == 0) v[j] = static_cast<float>(sum);
    }
  }
  sync_block();
  for (int head = 0; head < heads; head++) {
    for (int first = 0; first < hidden; first += kGroups) {
      const int unit = first + group;
      const double sum = dot_by_group(w1 + static_cast<i64>(unit) * inputs, v, inputs, unit < hidden);
      if (unit >= hidden || lane() % kGroup != 0) continue;
      const double pre = sum + static_cast<double>(b1[unit]);
      parts[unit] = pre > 0.0 ? static_cast<double>(w2[unit]) * pre : kNone;
    }
    sync_block();
    if (threadIdx.x == 0) {
      double score = b2[head];
      for (int unit = 0; unit < hidden; unit++)
        if (parts[unit] == parts[unit]) score = score + parts[unit];
      scores[static_cast<i64>(blockIdx.x) * scores_stride + head] =
          infinite == 0 ? static_cast<float>(score) : from_bits(0x7fc00000u);
    }
    sync_block();  // before the next head's units take the place of these
    w1 += static_cast<i64>(hidden) * inputs;
    b1 += hidden;
    w2 += hidden;
  }
}
SRM_KERNEL(score_row_per_block)
