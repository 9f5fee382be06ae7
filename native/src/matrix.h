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
/// [outputs/64][inputs][64].
struct srmk_matrix {
  int64_t outputs, inputs;
  int32_t compute, storage;
  void* data;

  int64_t panels() const { return (outputs + srm::kPanel - 1) / srm::kPanel; }
  int64_t padded_inputs() const { return storage == SRMK_BF16 ? (inputs + 1) / 2 * 2 : inputs; }
  int64_t bytes() const { return panels() * srm::kPanel * padded_inputs() * (storage == SRMK_BF16 ? 2 : 4); }
  /// Zeros where no weight comes: the columns past the last output, and the odd input of every panel.
  void clear_padding();
  const uint32_t* pairs(int64_t panel) const {
    return static_cast<const uint32_t*>(data) + panel * srm::kPanel * padded_inputs() / 2;
  }
  const float* floats(int64_t panel) const {
    return static_cast<const float*>(data) + panel * srm::kPanel * padded_inputs();
  }
};

inline void srmk_matrix::clear_padding() {
  if (panels() == 0) return;
  const int64_t panel_bytes = bytes() / panels(), last_bytes = srm::kPanel * 4;
  char* start = static_cast<char*>(data);
  if (outputs % srm::kPanel != 0)
    std::memset(start + (panels() - 1) * panel_bytes, 0, static_cast<size_t>(panel_bytes));
  if (padded_inputs() != inputs)
    for (int64_t panel = 1; panel <= panels(); panel++)
      std::memset(start + panel * panel_bytes - last_bytes, 0, static_cast<size_t>(last_bytes));
}
