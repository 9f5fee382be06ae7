// Encoder product and gate of a sparse autoencoder in one pass on tensor cores: what is active goes straight from the
// product's registers to lists, so that no dense [rows, d_sae] exists. Latents pass in chunks [first_latent, +
// latents); the pool has room for rows * latents entries, so it cannot overflow whatever is active.
//
//   each chunk:  pool_count = 0; sae_encode_mma_sync_bf16
//   lists:       sae_encode_mma_sync_count, sae_encode_tiled_starts, sae_encode_mma_sync_gather
//   TopK:        sae_encode_mma_sync_topk, which keeps each row's best so far and says what the next chunk must exceed;
//                after the last chunk its lists [rows, k] are brought together by sae_encode_tiled_concatenate
//
// Where an entry lies in the pool depends on which block came first; a part says where, and parts are read in the order
// of their latents, so the outcome does not depend on it. GroupMax, which needs a dense group, is the plain variant's.
#include "srm_cuda/sae_gate.cuh"
#include "srm_cuda/sae_parts.cuh"
#include "srm_cuda/select.cuh"
#include "srm_cuda/tile_product.cuh"

using namespace srm;

namespace {

constexpr int kPanel = 32;  // latents of a part: columns of a warp in one half of the tile

}  // namespace

// A block computes the products of 128 rows with 128 latents (tile_product.cuh) and gates them in registers. The four
// lanes that hold a row of a panel or their bits of who is active into one word, which gives every entry its place; a
// warp asks for room for all its entries at once. x, w: as in matmul_mma_sync.cu. Only activations above least[row] are
// kept (null: above 0). parts [rows, ceil(latents / 32)].
// Why not the plain variant: it writes and reads the dense products, 4,096 * 131,072 * 8 bytes = 4.3 GB.
// grid = (ceil(latents / 128), ceil(rows / 128)), block = 128, dynamic shared memory 98,304 bytes. inputs >= 3.
extern "C" __global__ void __launch_bounds__(TileProduct::kThreads, 2)
    sae_encode_mma_sync_bf16(const bf16* x, int x_stride, const bf16* w, int w_stride, int kind, const float* scale,
                             const float* bias, const float* threshold, const float* gate_bias,
                             const float* magnitude_scale, const float* magnitude_bias, const float* least,
                             int first_latent, int latents, int* pool_count, SaeEntry* pool, SaePart* parts, int rows,
                             int inputs) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  const TilePlace place = tile_place(static_cast<int>(gridDim.y), static_cast<int>(gridDim.x),
                                     static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x));
  const int first_row = place.row * TileProduct::kRows, first_column = place.column * TileProduct::kColumns;
  auto half = [&](int column) {
    const int there = column < latents ? first_latent + column : 0;
    return TileHalf{w + static_cast<i64>(there) * w_stride, latents - column};
  };
  TileProduct tile;
  tile.compute(x + static_cast<i64>(first_row) * x_stride, x_stride, rows - first_row, half(first_column),
               half(first_column + 64), w_stride, inputs, shared_address(dynamic_shared));

  const SaeGate gate{kind, scale, bias, threshold, gate_bias, magnitude_scale, magnitude_bias};
  float bar[8];  // what a row's activations must exceed; its index is that of the lane's eight rows
#pragma unroll
  for (int r = 0; r < 8; r++) {
    const int row = first_row + TileProduct::row(r / 2, r % 2 * 2);
    bar[r] = row >= rows ? __builtin_inff() : least == nullptr ? 0.0f : least[row];
  }
  u32 active[2][8] = {};  // by half and row: bit c for column c of the panel
#pragma unroll
  for (int j = 0; j < 8; j++) {
#pragma unroll
    for (int e = 0; e < 2; e++) {
      const int column = first_column + j / 4 * 64 + TileProduct::column(j, e);
#pragma unroll
      for (int r = 0; r < 8; r++) {
        float& value = tile.sums[r / 2][j][r % 2 * 2 + e];
        value = column < latents ? activation(gate, value, first_latent + column) : 0.0f;
        if (value > bar[r]) active[j / 4][r] |= 1u << (j % 4 * 8 + lane() % 4 * 2 + e);
      }
    }
  }
  int wanted = 0;
#pragma unroll
  for (int i = 0; i < 16; i++) {
    u32& bits = active[i / 8][i % 8];
    bits |= static_cast<u32>(shfl_xor(static_cast<int>(bits), 1));
    bits |= static_cast<u32>(shfl_xor(static_cast<int>(bits), 2));
    wanted += bit_count(bits);
  }
  int before = 0, all = 0;
#pragma unroll
  for (int first = 0; first < kWarp; first += 4) {
    const int others = shfl(wanted, first);
    if (first < lane() / 4 * 4) before += others;
    all += others;
  }
  int start = 0;
  if (lane() == 0 && all > 0) start = add_atomically(pool_count, all);
  start = shfl(start, 0) + before;

  const int panels = (latents + kPanel - 1) / kPanel;
#pragma unroll
  for (int i = 0; i < 16; i++) {
    const u32 bits = active[i / 8][i % 8];
    const int r = i % 8, row = first_row + TileProduct::row(r / 2, r % 2 * 2);
    const int panel = place.column * 4 + i / 8 * 2 + warp_index() / 2;
    if (lane() % 4 == 0 && row < rows && panel < panels)
      parts[static_cast<i64>(row) * panels + panel] = {start, bit_count(bits)};
#pragma unroll
    for (int c = 0; c < 8; c++) {
      const int j = i / 8 * 4 + c / 2, bit = c / 2 * 8 + lane() % 4 * 2 + c % 2;
      if ((bits >> bit & 1u) == 0) continue;
      pool[start + bit_count(bits & ((1u << bit) - 1u))] = {
          first_latent + first_column + i / 8 * 64 + TileProduct::column(j, c % 2),
          tile.sums[r / 2][j][r % 2 * 2 + c % 2]};
    }
    start += bit_count(bits);
  }
}
SRM_KERNEL(sae_encode_mma_sync_bf16)

// counts[row] = entries of the row. One block of 256 threads a row.
extern "C" __global__ void __launch_bounds__(256)
    sae_encode_mma_sync_count(const SaePart* parts, int panels, int* counts) {
  parts += static_cast<i64>(blockIdx.x) * panels;
  int count = 0;
  for (int i = static_cast<int>(threadIdx.x); i < panels; i += 256) count += parts[i].count;
  count = block_sum<8>(count);
  if (threadIdx.x == 0) counts[blockIdx.x] = count;
}
SRM_KERNEL(sae_encode_mma_sync_count)

// Brings the chunk's entries of a row together from starts[row] on, latents rising; those from `room` on are left out.
// One block of 256 threads a row.
extern "C" __global__ void __launch_bounds__(256)
    sae_encode_mma_sync_gather(const SaeEntry* pool, const SaePart* parts, int panels, const int* starts, int room,
                               SaeEntry* entries) {
  int to = starts[blockIdx.x];
  for_each_entry(parts + static_cast<i64>(blockIdx.x) * panels, panels, pool, [&](bool holds, SaeEntry entry) {
    int total;
    const int at = to + rank_in_block(holds, total);
    to += total;
    if (holds && at < room) entries[at] = entry;
  });
}
SRM_KERNEL(sae_encode_mma_sync_gather)

// The k best of a row's best so far (all of lower latents) and the chunk's entries, of equal ones those of lower
// latent, in the order of the latents. counts [rows] (0 before the first chunk), latents and activations [rows, k] are
// read and written; least[row] becomes the k-th best, 0 where there are fewer. One block of 256 threads a row; k >= 1.
extern "C" __global__ void __launch_bounds__(256)
    sae_encode_mma_sync_topk(const SaeEntry* pool, const SaePart* parts, int panels, int k, int* counts, int* latents,
                             float* activations, float* least) {
  const i64 row = blockIdx.x;
  parts += row * panels;
  latents += row * k;
  activations += row * k;
  const int so_far = counts[row];
  int ties;
  const float bar = kth_greatest(k, ties, [&](auto visit) {
    for (int i = static_cast<int>(threadIdx.x); i < so_far; i += 256) visit(activations[i]);
    for_each_entry(parts, panels, pool, [&](bool, SaeEntry entry) { visit(entry.activation); });
  });

  // A list is compacted in place: an entry moves towards the front, after all of its round have been read.
  int count = 0, tied = 0;
  auto keep = [&](bool holds, SaeEntry entry) {
    bool is_taken = holds && entry.activation >= bar;
    const bool is_tied = is_taken && entry.activation == bar;
    int total;
    const int rank = tied + rank_in_block(is_tied, total);
    tied += total;
    if (is_tied && rank >= ties) is_taken = false;
    const int at = count + rank_in_block(is_taken, total);
    count += total;
    if (!is_taken) return;
    latents[at] = entry.latent;
    activations[at] = entry.activation;
  };
  for (int first = 0; first < so_far; first += 256) {
    const int i = first + static_cast<int>(threadIdx.x);
    keep(i < so_far, i < so_far ? SaeEntry{latents[i], activations[i]} : SaeEntry{0, 0.0f});
  }
  for_each_entry(parts, panels, pool, keep);
  if (threadIdx.x == 0) {
    counts[row] = count;
    least[row] = bar;
  }
}
SRM_KERNEL(sae_encode_mma_sync_topk)
