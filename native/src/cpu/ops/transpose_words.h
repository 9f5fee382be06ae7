#pragma once

#include "matrix.h"

namespace srm {

template <class T>
T load_unaligned(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

/// to[c * kPanel + r] = from[r][c] in 32-bit words; from is unaligned.
inline void transpose_words(const char* from, int64_t row_bytes, int64_t rows, int64_t columns, uint32_t* to) {
  // Of the compiler, so that one source serves every processor: memory and not the shuffles limits this.
  using Words = uint32_t __attribute__((vector_size(16)));
  const int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int64_t c = 0; c < whole_columns; c += 4) {
    for (int64_t r = 0; r < whole_rows; r += 4) {
      const char* at = from + r * row_bytes + c * 4;
      auto a0 = load_unaligned<Words>(at), a1 = load_unaligned<Words>(at + row_bytes),
           a2 = load_unaligned<Words>(at + 2 * row_bytes), a3 = load_unaligned<Words>(at + 3 * row_bytes);
      Words low01 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5), high01 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);
      Words low23 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5), high23 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
      Words out[4] = {
          __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
          __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
      for (int i = 0; i < 4; i++) std::memcpy(to + (c + i) * kPanel + r, &out[i], sizeof(Words));
    }
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
      to[c * kPanel + r] = load_unaligned<uint32_t>(from + r * row_bytes + c * 4);
}

}  // namespace srm
