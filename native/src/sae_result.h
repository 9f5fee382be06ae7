#pragma once

#include <cstdint>
#include <vector>

namespace srm {

/// Active latents of the rows of one SaeEncode, latents rising within a row. Each row is counted, then all are placed,
/// then each is written by itself. The memory is kept: latents and values are as long as the longest outcome so far.
struct SaeResult {
  std::vector<int32_t> latents;
  std::vector<float> values;
  std::vector<int64_t> ends;

  /// ends, which held the number of each row's active latents, becomes where the rows end.
  void place() {
    int64_t end = 0;
    for (int64_t& row : ends) row = end += row;
    if (latents.size() >= static_cast<size_t>(end)) return;
    // The one that is asked grows last, so that running out of memory leaves nothing that looks grown.
    values.resize(end);
    latents.resize(end);
  }
  int64_t start(int64_t row) const { return row == 0 ? 0 : ends[row - 1]; }
};

/// What a worker has found in its tiles; what lies where is up to the gate.
struct SaeFinds {
  std::vector<int32_t> latents;
  std::vector<float> values;
  std::vector<int32_t> counts;   // topk: by row
  std::vector<float> least;      // topk: by row, what a value must reach to be worth keeping
  std::vector<uint64_t> sorted;  // topk: of the row that is being merged

  void grow(size_t count) {
    if (latents.size() >= count) return;
    values.resize(count);
    latents.resize(count);
  }
};

/// Where the finds of a block of 6 rows in one panel lie: row by row in the list of a worker.
struct SaePart {
  int64_t start;
  uint16_t worker;
  uint8_t counts[6];
};

/// Memory of SaeEncode, kept from call to call.
struct SaeScratch {
  std::vector<SaeFinds> finds, merged;  // one per worker
  std::vector<SaePart> parts;           // [blocks][panels]
};

}  // namespace srm
