#pragma once

#include <cstdint>
#include <cstring>

namespace srm {

inline float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

/// Nearest bf16, ties to even. For finite values.
inline uint16_t to_bf16(float value) {
  uint32_t bits = to_bits(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// IEEE binary16, exactly.
inline float from_f16(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  // Shifted into place the exponent is 112 too small; a multiplication mends it and normalises subnormals at once. No
  // branch, so that a loop becomes vectors.
  uint32_t size = to_bits(from_bits(rest << 13) * from_bits(uint32_t{127 + 112} << 23));
  uint32_t special = 0x7f800000u | rest << 13;
  return from_bits(sign | (rest >= 0x7c00 ? special : size));
}

/// Element types of weight files; memory may be unaligned.
struct F32Element {
  using Bits = uint32_t;
  static float widen(uint32_t bits) { return from_bits(bits); }
  static bool finite(uint32_t bits) { return (bits & 0x7f800000u) != 0x7f800000u; }
};
struct Bf16Element {
  using Bits = uint16_t;
  static float widen(uint16_t bits) { return from_bits(static_cast<uint32_t>(bits) << 16); }
  static bool finite(uint16_t bits) { return (bits & 0x7f80) != 0x7f80; }
};
struct F16Element {
  using Bits = uint16_t;
  static float widen(uint16_t bits) { return from_f16(bits); }
  static bool finite(uint16_t bits) { return (bits & 0x7c00) != 0x7c00; }
};

template <class Element>
typename Element::Bits load_bits(const void* source, int64_t index) {
  typename Element::Bits bits;
  std::memcpy(&bits, static_cast<const char*>(source) + index * static_cast<int64_t>(sizeof(bits)), sizeof(bits));
  return bits;
}

/// Index of the first element that is not finite, or -1. Looked for in order, after a task has seen one.
template <class Element>
int64_t first_bad(const char* source, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!Element::finite(load_bits<Element>(source, i))) return i;
  return -1;
}

}  // namespace srm
