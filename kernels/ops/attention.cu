// y = softmax(mask(softcap(scale · q kᵀ))) v for each segment and head. q, k, v: f32 rows; y: operand. All sums in f32.
#include "srm_cuda/attention.cuh"

using namespace srm;

namespace {

constexpr int kKeyStride = kWarp + 1;  // so that lanes that read a column find it in different banks

}  // namespace

// One warp a query and head, four queries a block; grid = (tiles, heads). Keys come in blocks of 32 that begin at
// multiples of 32 of the key's index in its sequence, one key a lane; the softmax is carried along from block to block.
// A warp brings 32 columns of its 32 keys at a time to shared memory, so that they are read in rows.
// dynamic shared memory: 4 warps * (2 d_head + 32 * 33) floats.
template <typename T>
SRM_DEVICE void attention_query_per_warp(const float* q, int q_stride, const float* k, int k_stride, const float* v,
                                         int v_stride, const int* positions, const AttentionSegment* segments,
                                         const AttentionTile* tiles, int heads, int kv_heads, int d_head, float scale,
                                         float softcap, int window, T* y, int y_stride) {
  SRM_DYNAMIC_SHARED(float, shared);
  float* query = shared + warp_index() * (2 * d_head + kWarp * kKeyStride);
  float* mixed = query + d_head;
  float* keys = mixed + d_head;
  AttentionTile tile = tiles[blockIdx.x];
  AttentionSegment segment = segments[tile.segment];
  int head = static_cast<int>(blockIdx.y), offset = head / (heads / kv_heads) * d_head;
  int index = tile.first_query + warp_index();
  if (index >= segment.query_count) return;
  i64 row = segment.query_start + index;
  for (int i = lane(); i < d_head; i += kWarp) {
    query[i] = q[row * q_stride + head * d_head + i];
    mixed[i] = 0.0f;
  }
  sync_warp();

  int position = positions[row];
  int first = window == 0 ? 0 : max_(0, position - window + 1);
  float highest = -3.4e38f, total = 0.0f;
  for (int block = first / kWarp * kWarp; block <= position; block += kWarp) {
    int key = block + lane();
    bool visible = is_visible(key, position, window);
    float sum = 0.0f;
    for (int start = 0; start < d_head; start += kWarp) {
      const int columns = min_(kWarp, d_head - start);
      sync_warp();  // the last columns have been read by all
      for (int j = 0; j < kWarp; j++)
        if (lane() < columns && is_visible(block + j, position, window))
          keys[j * kKeyStride + lane()] =
              k[static_cast<i64>(key_row(segment, block + j)) * k_stride + offset + start + lane()];
      sync_warp();
      if (visible)
        for (int i = 0; i < columns; i++) sum = fma_(query[start + i], keys[lane() * kKeyStride + i], sum);
    }
    float score = visible ? capped(sum * scale, softcap) : -3.4e38f;
    float higher = max_(highest, warp_max(score));
    float weight = visible ? exp_(score - higher) : 0.0f;
    float kept = exp_(highest - higher);
    highest = higher;
    total = total * kept + warp_sum(weight);
    for (int i = lane(); i < d_head; i += kWarp) mixed[i] = mixed[i] * kept;
    for (int j = 0; j < kWarp; j++) {
      float share = shfl(weight, j);
      if (!is_visible(block + j, position, window)) continue;
      const float* values = v + static_cast<i64>(key_row(segment, block + j)) * v_stride + offset;
      for (int i = lane(); i < d_head; i += kWarp) mixed[i] = fma_(share, values[i], mixed[i]);
    }
  }

  T* to = y + row * y_stride;
  for (int i = lane(); i < d_head; i += kWarp) to[head * d_head + i] = rounded<T>(mixed[i] / total);
  if (head == heads - 1)
    for (int i = heads * d_head + lane(); i < y_stride; i += kWarp) to[i] = rounded<T>(0.0f);
}

#define ATTENTION_QUERY_PER_WARP(suffix, type)                                                                        \
  extern "C" __global__ void __launch_bounds__(128) attention_query_per_warp_##suffix(                                \
      const float* q, int q_stride, const float* k, int k_stride, const float* v, int v_stride, const int* positions, \
      const AttentionSegment* segments, const AttentionTile* tiles, int heads, int kv_heads, int d_head, float scale, \
      float softcap, int window, type* y, int y_stride) {                                                             \
    attention_query_per_warp(q, q_stride, k, k_stride, v, v_stride, positions, segments, tiles, heads, kv_heads,      \
                             d_head, scale, softcap, window, y, y_stride);                                            \
  }                                                                                                                   \
  SRM_KERNEL(attention_query_per_warp_##suffix)

ATTENTION_QUERY_PER_WARP(f32, float)
ATTENTION_QUERY_PER_WARP(bf16, bf16)
