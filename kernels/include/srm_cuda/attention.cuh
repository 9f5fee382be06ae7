// What the variants of attention share: the layout of its arguments and the mask.
#pragma once
#include "srm_cuda/warp.cuh"

namespace srm {

// SparseRM.Backends.AttentionSegment, in its order.
struct AttentionSegment {
  int query_start, query_count, prefix_start, prefix_count, key_start, key_count;
};

// A block's queries: rows query_start + first_query .. of a segment, at most the variant's TileRows of them.
struct AttentionTile {
  int segment, first_query;
};

// The row of key j of the segment.
SRM_DEVICE int key_row(const AttentionSegment& segment, int j) {
  return j + (j < segment.prefix_count ? segment.prefix_start : segment.key_start - segment.prefix_count);
}

SRM_DEVICE bool is_visible(int key, int position, int window) {
  return key <= position && (window == 0 || position - key < window);
}

// The scaled score, capped where there is a cap.
SRM_DEVICE float capped(float score, float softcap) {
  return softcap > 0.0f ? softcap * tanh_(score / softcap) : score;
}

}  // namespace srm
