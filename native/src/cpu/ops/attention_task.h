#pragma once

#include "backend.h"
#include "operand.h"

namespace srm {

/// Some consecutive queries of one segment against one kv head.
struct AttentionTask {
  Rows q, k, v;
  Operand y;
  const int32_t* positions;
  const srmk_segment& segment;
  const srmk_attention_options& options;
  int64_t kv_head, query_first, query_count;
};

}  // namespace srm
