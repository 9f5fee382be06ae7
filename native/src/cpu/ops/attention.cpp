#include "cpu/ops.h"
#include "cpu/ops/attention_task.h"

#define SRM_KERNEL_FILE "cpu/ops/attention_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using AttentionFn = void (*)(const AttentionTask&, float*);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kAttentionVariants = {
    Variant<AttentionFn>{"scalar", Cpu::kAny, scalar::attend},
#if defined(__x86_64__)
    Variant<AttentionFn>{"avx2", Cpu::kAvx2, avx2::attend},
    Variant<AttentionFn>{"avx512", Cpu::kAvx512, avx512::attend},
#endif
};
constexpr auto kAttentionInfos = infos(kAttentionVariants);

/// Rows (queries times heads of a group) that share one gathering of keys and values.
constexpr int64_t kTaskRows = 96;

}  // namespace

VariantList attention_variants() { return {kAttentionInfos.data(), static_cast<int>(kAttentionInfos.size())}; }

void attention(srmk_backend& backend, Rows q, Rows k, Rows v, const int32_t* positions, const srmk_segment* segments,
               int64_t segment_count, const srmk_attention_options& options, Operand y) {
  const int64_t group = options.n_heads / options.n_kv_heads, queries = std::max<int64_t>(1, kTaskRows / group);
  const int64_t padded = (options.d_head + 63) / 64 * 64, rows = queries * group;
  const int64_t floats = options.d_head * 64 + 64 * padded + rows * padded + 6 * 64 + 2 * rows;
  for (auto& scratch : backend.worker_scratch) scratch.get<float>(floats);  // before the tasks, which may not fail

  // Tasks are numbered over segments, query blocks and kv heads; a task finds its segment by walking, which costs
  // nothing beside its work.
  auto blocks_of = [&](const srmk_segment& s) { return (s.query_count + queries - 1) / queries; };
  int64_t tasks = 0, pairs = 0;
  for (int64_t s = 0; s < segment_count; s++) {
    tasks += blocks_of(segments[s]) * options.n_kv_heads;
    pairs += static_cast<int64_t>(segments[s].query_count) * (segments[s].prefix_count + segments[s].key_count);
  }
  auto run = kAttentionVariants[backend.selected[SRMK_OP_ATTENTION]].run;
  auto body = [&](int64_t task, int worker) {
    const srmk_segment* segment = segments;
    while (task >= blocks_of(*segment) * options.n_kv_heads) task -= blocks_of(*segment++) * options.n_kv_heads;
    int64_t first = task / options.n_kv_heads * queries;
    AttentionTask t{q,
                    k,
                    v,
                    y,
                    positions,
                    *segment,
                    options,
                    task % options.n_kv_heads,
                    segment->query_start + first,
                    std::min<int64_t>(queries, segment->query_count - first)};
    run(t, backend.worker_scratch[worker].get<float>(floats));
  };
  if (pairs * options.n_heads * options.d_head < 32 * 1024) {
    for (int64_t task = 0; task < tasks; task++) body(task, 0);
  } else {
    backend.pool.run(tasks, body);
  }
}

}  // namespace srm
