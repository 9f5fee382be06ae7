#pragma once

#include <cstdint>
#include <cstring>

#include "backend.h"

namespace srm {

/// Outputs per panel of packed weights.
constexpr int64_t kPanel = 64;

}  // namespace srm

/// Weights packed for MatMul, in panels of 64 outputs, the last one filled up with zeros:
/// storage bf16: [outputs/64][inputs/2][64][2], an odd last input filled up with zero; storage f32:
/// [outputs/64][inputs][64]; storage i8: [outputs/64][inputs/4][64][4], filled up likewise, and after the panels the
/// scale of every output (f32) and 128 times the sum of its bytes (i32).
struct srmk_matrix {
  int64_t outputs, inputs;
  int32_t compute, storage;
  void* data;

  int64_t panels() const { return (outputs + srm::kPanel - 1) / srm::kPanel; }
  /// Inputs that share a 32-bit word.
  int64_t inputs_per_word() const { return storage == SRMK_I8 ? 4 : storage == SRMK_BF16 ? 2 : 1; }
  int64_t words_per_output() const { return (inputs + inputs_per_word() - 1) / inputs_per_word(); }
  int64_t padded_inputs() const { return words_per_output() * inputs_per_word(); }
  int64_t panel_bytes() const { return srm::kPanel * words_per_output() * 4; }
  int64_t bytes() const { return panels() * (panel_bytes() + (storage == SRMK_I8 ? 2 * srm::kPanel * 4 : 0)); }
  /// Zeros where no weight comes: the columns past the last output, and what fills up the inputs of every panel.
  void clear_padding();
  const uint32_t* words(int64_t panel) const {
    return static_cast<const uint32_t*>(data) + panel * srm::kPanel * words_per_output();
  }
  const uint32_t* pairs(int64_t panel) const { return words(panel); }
  const float* floats(int64_t panel) const {
    return static_cast<const float*>(data) + panel * srm::kPanel * padded_inputs();
  }
  float* scales() const { return reinterpret_cast<float*>(static_cast<char*>(data) + panels() * panel_bytes()); }
  int32_t* offsets() const { return reinterpret_cast<int32_t*>(scales() + panels() * srm::kPanel); }
};

inline void srmk_matrix::clear_padding() {
  if (panels() == 0) return;
  const int64_t last_bytes = srm::kPanel * 4, end = panels() * panel_bytes();
  char* start = static_cast<char*>(data);
  if (outputs % srm::kPanel != 0) std::memset(start + end - panel_bytes(), 0, static_cast<size_t>(panel_bytes()));
  if (padded_inputs() != inputs)
    for (int64_t panel = 1; panel <= panels(); panel++)
      std::memset(start + panel * panel_bytes() - last_bytes, 0, static_cast<size_t>(last_bytes));
  std::memset(start + end, 0, static_cast<size_t>(bytes() - end));
}
