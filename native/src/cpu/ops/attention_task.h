#pragma once

#include "backend.h"
#include "operand.h"

namespace srm {

/// Some consecutive queries of one segment against one kv head. Row r of a task is its query r / group under head
/// r % group of the kv head's group.
struct AttentionTask {
  Rows q, k, v;
  Operand y;
  const int32_t* positions;
  const srmk_segment& segment;
  const srmk_attention_options& options;
  int64_t kv_head, query_first, query_count;
  Rows whole;  // y's rows in f32 where y is int8: they are rounded when all their heads are there; else without data

  int64_t group() const { return options.n_heads / options.n_kv_heads; }
  int64_t rows() const { return query_count * group(); }
  /// Key or value row of the segment's key j, counted from the prefix on.
  int64_t key_row(int64_t j) const {
    return j < segment.prefix_count ? segment.prefix_start + j : segment.key_start + j - segment.prefix_count;
  }
};

/// What a task knows of one of its rows: where its query lies, and the first and last key that it sees.
struct AttentionRow {
  const void* query;
  int64_t first, last;
};

/// Where a task's working memory lies, in bytes from its start. Sizes are those of f32 and hold for any kernel.
struct AttentionLayout {
  static constexpr int64_t kKeys = 64;     // a block of keys
  static constexpr int64_t kTileRows = 6;  // rows that are multiplied together
  static constexpr int64_t kLanes = 16;    // the most that a vector has

  int64_t padded;   // d_head filled up to whole panels of 64
  int64_t keys;     // [d_head][64], transposed
  int64_t values;   // [d_head / 64][64 keys][64]
  int64_t rows;     // AttentionRow [rows]
  int64_t queries;  // [rows][padded], where the kernel needs them in another form
  int64_t scores;   // [6][64], then the weights in the same place
  int64_t maxima;   // [rows]
  int64_t totals;   // [rows][16]
  int64_t mixed;    // [rows][padded]
  int64_t bytes;

  AttentionLayout(int64_t d_head, int64_t row_count) : padded((d_head + 63) / 64 * 64) {
    int64_t end = 0;
    auto take = [&](int64_t size) {
      int64_t start = end;
      end += (size + 63) / 64 * 64;
      return start;
    };
    constexpr int64_t kFloat = sizeof(float);
    keys = take(padded * kKeys * kFloat);
    values = take(padded * kKeys * kFloat);
    rows = take(row_count * static_cast<int64_t>(sizeof(AttentionRow)));
    queries = take(row_count * padded * kFloat / 2);
    scores = take(kTileRows * kKeys * kFloat);
    maxima = take(row_count * kFloat);
    totals = take(row_count * kLanes * kFloat);
    mixed = take(row_count * padded * kFloat);
    bytes = end;
  }
};

}  // namespace srm
