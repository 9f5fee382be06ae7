#pragma once

#include <cstdint>
#include <vector>

namespace srm {

struct SaeEntry {
  int32_t latent;
  float value;
};

/// Active latents of the rows of one SaeEncode, latents rising within a row.
struct SaeResult {
  std::vector<int32_t> latents;
  std::vector<float> values;
  std::vector<int64_t> ends;

  void clear() {
    latents.clear();
    values.clear();
    ends.clear();
  }
  void append(const SaeEntry* entries, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
      latents.push_back(entries[i].latent);
      values.push_back(entries[i].value);
    }
  }
  void end_row() { ends.push_back(static_cast<int64_t>(latents.size())); }
};

}  // namespace srm
