// y = softmax(mask(softcap(scale · q kᵀ))) v on tensor cores, keys in one pass; see flash_tile.cuh.
#include "srm_cuda/flash_tile.cuh"

using namespace srm;

namespace {

template <int kHead>
SRM_DEVICE void attend(const bf16* q, int q_stride, const bf16* k, int k_stride, const bf16* v, int v_stride,
                       const int* positions, const AttentionSegment* segments, const AttentionTile* tiles, int kv_group,
                       float scale, float softcap, int window, bf16* y, int y_stride) {
  using Tile = FlashTile<kHead>;
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  // The last tiles of a sequence see the most keys: they start first.
  const AttentionTile task = tiles[gridDim.x - 1 - blockIdx.x];
  const AttentionSegment segment = segments[task.segment];
  const int head = static_cast<int>(blockIdx.y), first_row = segment.query_start + task.first_query;
  const int count = min_(Tile::kRows, segment.query_count - task.first_query);

  Tile tile(shared_address(dynamic_shared));
  const int no_key = 0x7fffffff;
  int begin = no_key, end = 0;  // keys that any row of the tile sees
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const bool there = Tile::row(h) < count;
    tile.last[h] = there ? positions[first_row + Tile::row(h)] : -1;
    begin = min_(begin, !there ? no_key : window == 0 ? 0 : max_(0, tile.last[h] - window + 1));
    end = max_(end, tile.last[h] + 1);
  }
  tile.span = window == 0 ? 0x80000000u : static_cast<u32>(window);
  __shared__ int begins[4], ends[4];
#pragma unroll
  for (int distance = 4; distance < kWarp; distance *= 2) {  // the four lanes of a row hold the same
    begin = min_(begin, shfl_xor(begin, distance));
    end = max_(end, shfl_xor(end, distance));
  }
  if (lane() == 0) {
    begins[warp_index()] = begin;
    ends[warp_index()] = end;
  }
  sync_block();
#pragma unroll
  for (int w = 0; w < 4; w++) {
    begin = min_(begin, begins[w]);
    end = max_(end, ends[w]);
  }
  begin = begin / Tile::kKeys * Tile::kKeys;

  auto load_block = [&](SharedAddress part, const bf16* rows, int stride, int block) {
    Tile::load(part, rows + head / kv_group * kHead, stride, block, end,
               [&](int key) { return key_row(segment, key); });
  };
  Tile::load(tile.queries, q + head * kHead, q_stride, 0, count, [&](int i) { return first_row + i; });
  load_block(tile.keys, k, k_stride, begin);
  load_block(tile.values, v, v_stride, begin);
  cp_async_wait<2>();
  sync_block();
  tile.keep_queries();
  for (int block = begin; block < end; block += Tile::kKeys) {
    cp_async_wait<1>();
    sync_block();
    tile.multiply_keys();
    sync_block();  // all have read the keys
    load_block(tile.keys, k, k_stride, block + Tile::kKeys);
    tile.weigh(block, scale, softcap);
    cp_async_wait<1>();
    sync_block();
    tile.multiply_values();
    sync_block();
    load_block(tile.values, v, v_stride, block + Tile::kKeys);
  }
  cp_async_wait<0>();
  tile.store(y + static_cast<i64>(first_row) * y_stride + head * kHead, y_stride, count);
}

}  // namespace

// A block computes the queries of a tile for one head. Why not the plain variant: it multiplies in f32, one score a
// lane, with the query and the mixed values in shared memory. q, k, v: operand rows in bf16 (base and strides multiples
// of 16 bytes); the others as in attention.cu. One entry for each width of a head, since sums in registers need it at
// compile time: launch bounds leave 128, 168 and 255 registers a thread, of which the sums take 32, 64 and 128. grid =
// (tiles, heads), block = 128, TileRows 64, dynamic shared memory 3 * 64 * d_head * 2 bytes.
#define SRM_FLASH(kHead, kBlocks)                                                                                      \
  extern "C" __global__ void __launch_bounds__(128, kBlocks) attention_flash_##kHead##_bf16(                           \
      const bf16* q, int q_stride, const bf16* k, int k_stride, const bf16* v, int v_stride, const int* positions,     \
      const AttentionSegment* segments, const AttentionTile* tiles, int heads, int kv_heads, int, float scale,         \
      float softcap, int window, bf16* y, int y_stride) {                                                              \
    attend<kHead>(q, q_stride, k, k_stride, v, v_stride, positions, segments, tiles, heads / kv_heads, scale, softcap, \
                  window, y, y_stride);                                                                                \
  }                                                                                                                    \
  SRM_KERNEL(attention_flash_##kHead##_bf16)

SRM_FLASH(64, 4)
SRM_FLASH(128, 3)
SRM_FLASH(256, 2)
