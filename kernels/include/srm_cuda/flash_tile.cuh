// Attention of up to 64 queries and one head by one block of four warps: keys pass in blocks of 64, scores and weights
// stay in registers (Dao 2022), products run on tensor cores in bf16 with sums in f32.
//
// A warp owns 16 queries; a lane holds two of their rows (lane / 4 and 8 further), 16 scores of each and kHead / 4 sums
// of each. Bits of a row do not depend on the other rows or on how its keys are split into prefix and own part: key
// blocks begin at multiples of 64 of the key's index, a masked key's weight is an exact 0, and a block that a row does
// not see multiplies its sums by exactly 1.
//
// Shared memory: queries, keys and values, 3 * 64 * kHead * 2 bytes (kHead 64: 24,576; 128: 49,152; 256: 98,304). Keys
// of the next block arrive while values are multiplied, and the other way round: one buffer each does. A row's chunks
// of 16 bytes lie at chunk ^ (row % 8).
#pragma once
#include "srm_cuda/attention.cuh"
#include "srm_cuda/lane_row.cuh"

namespace srm {

template <int kHead>
struct FlashTile {
  static constexpr int kRows = 64, kKeys = 64, kThreads = 128;
  static constexpr int kRowBytes = kHead * 2, kChunks = kHead / 8, kPartBytes = kRows * kRowBytes;
  static constexpr float kLog2e = 1.44269504088896341f, kInfinity = __builtin_inff();
  // Queries stay in registers where the sums leave room for them: 128 sums a lane at 256.
  static constexpr bool kQueriesInRegisters = kHead <= 128;

  SharedAddress queries, keys, values;
  LaneRow<kRowBytes> query_fragment, key_fragment, value_fragment;  // the first of each
  u32 query[kQueriesInRegisters ? kHead / 16 : 1][4];
  float scores[8][4], sums[kHead / 8][4];
  float maximum[2], total[2];  // of scores in powers of two, and of this lane's weights
  int last[2];                 // the last key that each of the two rows sees; -1 where there is no row
  u32 span;                    // how many it sees up to that one, at most

  SRM_DEVICE static int row(int half) { return warp_index() * 16 + lane() / 4 + half * 8; }

  SRM_DEVICE explicit FlashTile(SharedAddress shared)
      : queries(shared),
        keys(shared + kPartBytes),
        values(shared + 2 * kPartBytes),
        query_fragment(queries, warp_index() * 16 + lane() % 16, lane() / 16),
        key_fragment(keys, lane() % 8 + lane() / 16 * 8, lane() / 8 % 2),
        value_fragment(values, lane() % 16, lane() / 16) {
#pragma unroll
    for (int j = 0; j < kHead / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) sums[j][e] = 0.0f;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      maximum[h] = -kInfinity;
      total[h] = 0.0f;
    }
  }

  // Copies rows first .. first + 63 to a part, kChunks threads a row: j < end is row_of(j) of `rows`, the others are
  // zeros. Four rows a round: addresses of all, and those that keys and values have in common, would be kept in
  // registers that the sums need.
  template <class RowOf>
  SRM_DEVICE static void load(SharedAddress part, const bf16* rows, int stride, int first, int end, RowOf row_of) {
    constexpr int kStep = kThreads / kChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kChunks, begin = static_cast<int>(threadIdx.x) / kChunks;
    const char* from = reinterpret_cast<const char*>(rows + chunk * 8);
    const u32 row_bytes = static_cast<u32>(stride) * 2;
    part += begin * kRowBytes;
    first += begin;
#pragma unroll 4
    for (int i = 0; i < kRows; i += kStep) {
      const bool there = first + i < end;
      cp_async_16(part + i * kRowBytes + (chunk ^ begin % 8 ^ i % 8) * 16,
                  from + u64{static_cast<u32>(there ? row_of(first + i) : 0)} * row_bytes, there ? 16 : 0);
    }
    cp_async_commit();
  }

  // Where a chunk of a row lies.
  SRM_DEVICE static SharedAddress at(SharedAddress part, int row, int chunk) {
    return part + row * kRowBytes + (chunk ^ row % 8) * 16;
  }

  SRM_DEVICE void keep_queries() {
    if constexpr (kQueriesInRegisters) {
#pragma unroll
      for (int k = 0; k < kHead / 16; k++) ldmatrix_x4(query[k], query_fragment.at(0, k));
    }
  }

  // scores = queries · keysᵀ
  SRM_DEVICE void multiply_keys() {
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) scores[j][e] = 0.0f;
#pragma unroll
    for (int k = 0; k < kHead / 16; k++) {
      u32 a[4];
      if constexpr (!kQueriesInRegisters) ldmatrix_x4(a, query_fragment.at(0, k));
#pragma unroll
      for (int j = 0; j < 8; j += 4) {
        const u32(&q)[4] = kQueriesInRegisters ? query[kQueriesInRegisters ? k : 0] : a;
        u32 b[2][4];
        ldmatrix_x4(b[0], key_fragment.at(j * 8, k));
        ldmatrix_x4(b[1], key_fragment.at(j * 8 + 16, k));
#pragma unroll
        for (int i = 0; i < 4; i++) mma_m16n8k16(scores[j + i], q, {b[i / 2][i % 2 * 2], b[i / 2][i % 2 * 2 + 1]});
      }
    }
  }

  // Scores of keys [block, block + 64) become weights 2^(score - maximum); what was summed before is scaled to the new
  // maximum.
  SRM_DEVICE void weigh(int block, float scale, float softcap) {
    exponents(scale, softcap);
    auto sees = [&](int h, int key) { return static_cast<u32>(last[h] - key) < span; };
    if (!(sees(0, block) && sees(0, block + kKeys - 1) && sees(1, block) && sees(1, block + kKeys - 1))) {
#pragma unroll
      for (int j = 0; j < 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++)
          if (!sees(e / 2, block + j * 8 + lane() % 4 * 2 + e % 2)) scores[j][e] = -kInfinity;
      }
    }
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float now = maximum[h];
#pragma unroll
      for (int j = 0; j < 8; j++) now = max_(now, max_(scores[j][h * 2], scores[j][h * 2 + 1]));
      now = max_(now, shfl_xor(now, 1));
      now = max_(now, shfl_xor(now, 2));  // a row's scores lie in four lanes
      const float base = now == -kInfinity ? 0.0f : now;
      const float factor = exp2_approx(maximum[h] - base);
      float weights = 0.0f;
#pragma unroll
      for (int j = 0; j < 8; j++) {
#pragma unroll
        for (int e = h * 2; e < h * 2 + 2; e++) {
          scores[j][e] = exp2_approx(scores[j][e] - base);
          weights = weights + scores[j][e];
        }
      }
      total[h] = fma_(total[h], factor, weights);
      maximum[h] = now;
#pragma unroll
      for (int j = 0; j < kHead / 8; j++) {
        sums[j][h * 2] *= factor;
        sums[j][h * 2 + 1] *= factor;
      }
    }
  }

  // sums += weights · values; the weights' registers, rounded, are the left fragments of the product as they lie.
  SRM_DEVICE void multiply_values() {
#pragma unroll
    for (int k = 0; k < kKeys / 16; k++) {
      const u32 a[4] = {pack_bf16(scores[k * 2][0], scores[k * 2][1]), pack_bf16(scores[k * 2][2], scores[k * 2][3]),
                        pack_bf16(scores[k * 2 + 1][0], scores[k * 2 + 1][1]),
                        pack_bf16(scores[k * 2 + 1][2], scores[k * 2 + 1][3])};
#pragma unroll
      for (int j = 0; j < kHead / 8; j += 4) {
        u32 b[2][4];
        ldmatrix_x4_trans(b[0], value_fragment.at(k * 16, j / 2));
        ldmatrix_x4_trans(b[1], value_fragment.at(k * 16, j / 2 + 1));
#pragma unroll
        for (int i = 0; i < 4; i++) mma_m16n8k16(sums[j + i], a, {b[i / 2][i % 2 * 2], b[i / 2][i % 2 * 2 + 1]});
      }
    }
  }

  // Rows of y [.., kHead] from `y` on, those below `count`, 16 bytes at a time by way of the warp's own rows of
  // queries.
  SRM_DEVICE void store(bf16* y, int y_stride, int count) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float all = total[h] + shfl_xor(total[h], 1);
      all = all + shfl_xor(all, 2);
      const float by = 1.0f / all;
#pragma unroll
      for (int j = 0; j < kHead / 8; j++)
        store_shared(at(queries, row(h), j) + lane() % 4 * 4, pack_bf16(sums[j][h * 2] * by, sums[j][h * 2 + 1] * by));
    }
    sync_warp();
#pragma unroll
    for (int i = lane(); i < 16 * kChunks + lane(); i += kWarp) {
      const int r = warp_index() * 16 + i / kChunks, chunk = i % kChunks;
      if (r < count)
        *reinterpret_cast<Bytes16*>(y + static_cast<i64>(r) * y_stride + chunk * 8) =
            load_shared_16(at(queries, r, chunk));
    }
  }

 private:
  // Scores become the exponents of their weights to base 2: log2(e) * capped(score * scale), tanh(u) = 1 - 2 / (1 +
  // e^2u).
  SRM_DEVICE void exponents(float scale, float softcap) {
    const float factor = softcap == 0.0f ? scale * kLog2e : scale / softcap * 2 * kLog2e;
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) scores[j][e] *= factor;
    if (softcap == 0.0f) return;
    const float cap = kLog2e * softcap;
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++)
        scores[j][e] = fma_(-2.0f * cap, reciprocal_approx(1.0f + exp2_approx(scores[j][e])), cap);
  }
};

}  // namespace srm
