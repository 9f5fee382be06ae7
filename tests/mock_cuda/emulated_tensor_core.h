// srm_cuda/tensor_core.cuh in plain C++: the same functions with the same fragment layouts, over what the lanes of a
// warp exchange. Sums of a product run over k in order, in f32; a device may add in another order within one
// instruction.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace srm {

using SharedAddress = u32;

inline SharedAddress shared_address(const void* at) { return emu::shared_address(at); }

struct alignas(16) Bytes16 {
  u32 words[4];
};

namespace emulated {

inline float low_half(u32 both) { return from_bits(both << 16); }
inline float high_half(u32 both) { return from_bits(both & 0xffff0000u); }

inline void require_aligned(uintptr_t at, int bytes, const char* what) {
  if (at % bytes != 0) emu::fail(what);
}

// The 16 bytes of a matrix' row.
inline const unsigned char* matrix_row(SharedAddress row) {
  require_aligned(row, 16, "ldmatrix: a row's address is not a multiple of 16 bytes");
  return emu::shared_at(row, 16);
}

// Element [row, column] of the matrices whose rows the lanes hold, four of 8 rows.
inline u16 matrix_element(const unsigned char* const* rows, int matrix, int row, int column) {
  u16 element;
  std::memcpy(&element, rows[matrix * 8 + row] + column * 2, 2);
  return element;
}

}  // namespace emulated

inline void mma_m16n8k16(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  struct Fragments {
    u32 a[4], b[2];
  };
  Fragments mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const Fragments* all = emu::exchange(mine);
  const int g = emu::lane() / 4, t = emu::lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int row = g + (i / 2) * 8, column = 2 * t + i % 2;
    for (int k = 0; k < 16; k++) {
      // a's register: row half in bit 0, k half in bit 1; b's register: k half. The lane's k pair is (k % 8) / 2.
      u32 left = all[row % 8 * 4 + k % 8 / 2].a[row / 8 + k / 8 * 2];
      u32 right = all[column * 4 + k % 8 / 2].b[k / 8];
      c[i] += k % 2 == 0 ? emulated::low_half(left) * emulated::low_half(right)
                         : emulated::high_half(left) * emulated::high_half(right);
    }
  }
}

inline void ldmatrix_x4(u32 (&r)[4], SharedAddress row) {
  const unsigned char* const* rows = emu::exchange(emulated::matrix_row(row));
  const int g = emu::lane() / 4, t = emu::lane() % 4;
  for (int i = 0; i < 4; i++)
    r[i] = emulated::matrix_element(rows, i, g, 2 * t) | u32{emulated::matrix_element(rows, i, g, 2 * t + 1)} << 16;
}

inline void ldmatrix_x4_trans(u32 (&r)[4], SharedAddress row) {
  const unsigned char* const* rows = emu::exchange(emulated::matrix_row(row));
  const int g = emu::lane() / 4, t = emu::lane() % 4;
  for (int i = 0; i < 4; i++)
    r[i] = emulated::matrix_element(rows, i, 2 * t, g) | u32{emulated::matrix_element(rows, i, 2 * t + 1, g)} << 16;
}

// Carried out when it is waited for, so that a kernel that does not wait computes with what was there before.
inline void cp_async_16(SharedAddress to, const void* from, int bytes) {
  emulated::require_aligned(to, 16, "cp.async: the address in shared memory is not a multiple of 16 bytes");
  emulated::require_aligned(reinterpret_cast<uintptr_t>(from), 16,
                            "cp.async: the address in global memory is not a multiple of 16 bytes");
  if (bytes < 0 || bytes > 16) emu::fail("cp.async: the bytes to read are not 0 to 16");
  emu::async_copy(emu::shared_at(to, 16), from, 16, bytes);
}

inline void cp_async_commit() { emu::async_commit(); }

template <int kPending>
inline void cp_async_wait() {
  emu::async_wait(kPending);
}

inline float exp2_approx(float x) { return std::exp2(x); }
inline float reciprocal_approx(float x) { return 1.0f / x; }

inline u32 pack_bf16(float low, float high) { return to_bf16(low).bits | u32{to_bf16(high).bits} << 16; }

inline void store_shared(SharedAddress to, u32 value) { std::memcpy(emu::shared_at(to, 4), &value, 4); }

inline Bytes16 load_shared_16(SharedAddress from) {
  Bytes16 b;
  std::memcpy(&b, emu::shared_at(from, 16), 16);
  return b;
}

}  // namespace srm
