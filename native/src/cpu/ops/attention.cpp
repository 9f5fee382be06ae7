#include "cpu/ops.h"
#include "cpu/ops/attention_task.h"

#define SRM_KERNEL_FILE "cpu/ops/attention_kernel.inc"
#define SRM_BF16_KERNEL_FILE "cpu/ops/attention_bf16_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using AttendFn = void (*)(const AttentionTask&, char* scratch);

struct AttentionKernel {
  AttendFn rounded;  // where y's compute type is BF16 or I8
  AttendFn f32;
};

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kAttentionVariants = {
    Variant<AttentionKernel>{"scalar", Cpu::kAny, {scalar::attend, scalar::attend}},
#if defined(__x86_64__)
    Variant<AttentionKernel>{"avx2", Cpu::kAvx2, {avx2::attend, avx2::attend}},
    Variant<AttentionKernel>{"avx512", Cpu::kAvx512, {avx512::attend, avx512::attend}},
    Variant<AttentionKernel>{"avx512_bf16", Cpu::kAvx512Bf16, {avx512_bf16::attend, avx512::attend}},
#endif
};
constexpr auto kAttentionInfos = infos(kAttentionVariants);

/// How one call is shared out. A unit is a kv head over some consecutive queries of a segment; a task some units.
class Sharing {
 public:
  Sharing(srmk_backend& backend, const srmk_segment* segments, int64_t count, const srmk_attention_options& options)
      : segments_(segments), count_(count), kv_heads_(options.n_kv_heads) {
    const int64_t group = options.n_heads / options.n_kv_heads, threads = backend.pool.threads();
    starts_ = backend.shared_scratch.get<int64_t>(count + 1);
    // Keys and values are gathered once for each unit: so as many rows as the second cache has room for, unless that
    // leaves threads without work.
    for (int64_t rows = kMostRows; rows >= kFewestRows; rows /= 2) {
      queries_ = std::max<int64_t>(kAligned, rows / group / kAligned * kAligned);
      starts_[0] = 0;
      for (int64_t s = 0; s < count; s++) starts_[s + 1] = starts_[s] + blocks_of(segments[s]) * kv_heads_;
      if (units() >= 4 * threads) break;
    }
    for (int64_t s = 0; s < count; s++)
      most_queries_ = std::max<int64_t>(most_queries_, std::min<int64_t>(queries_, segments[s].query_count));
    units_per_task_ = std::clamp<int64_t>(units() / (32 * threads), 1, 64);
  }

  int64_t units() const { return starts_[count_]; }
  int64_t tasks() const { return (units() + units_per_task_ - 1) / units_per_task_; }
  int64_t most_queries() const { return most_queries_; }

  /// Calls body(segment, kv head, first query of the segment, queries) for each unit of a task.
  template <class Body>
  void for_units(int64_t task, const Body& body) const {
    int64_t unit = task * units_per_task_;
    const int64_t end = std::min(units(), unit + units_per_task_);
    int64_t s = std::upper_bound(starts_, starts_ + count_ + 1, unit) - starts_ - 1;
    for (; unit < end; unit++) {
      while (unit >= starts_[s + 1]) s++;
      const int64_t queries = segments_[s].query_count, size = block_size(segments_[s]);
      // The units of a kv head follow each other, since they read the same keys; the last block first: under a causal
      // mask it has the most keys, and what begins last should be short.
      const int64_t blocks = blocks_of(segments_[s]), at = unit - starts_[s], block = blocks - 1 - at % blocks;
      body(segments_[s], at / blocks, block * size, std::min(size, queries - block * size));
    }
  }

 private:
  static constexpr int64_t kMostRows = 384, kFewestRows = 48;
  static constexpr int64_t kAligned = 6;  // whole tiles for any group

  int64_t blocks_of(const srmk_segment& s) const {
    int64_t size = block_size(s);
    return size == 0 ? 0 : (s.query_count + size - 1) / size;
  }
  int64_t block_size(const srmk_segment& s) const {
    int64_t blocks = (s.query_count + queries_ - 1) / queries_;
    return blocks == 0 ? 0 : ((s.query_count + blocks - 1) / blocks + kAligned - 1) / kAligned * kAligned;
  }

  const srmk_segment* segments_;
  int64_t count_, kv_heads_, queries_, units_per_task_, most_queries_ = 0;
  int64_t* starts_;  // first unit of each segment, then their number
};

}  // namespace

int attention_computing(int variant, int compute) {
  const auto kernel = [&](int i) {
    return compute == SRMK_F32 ? kAttentionVariants[i].run.f32 : kAttentionVariants[i].run.rounded;
  };
  int first = 0;
  while (kernel(first) != kernel(variant)) first++;
  return first;
}

VariantList attention_variants() { return {kAttentionInfos.data(), static_cast<int>(kAttentionInfos.size())}; }

// Multiply-adds of scores that are not worth waking anyone. What one query costs is mostly the time in which its keys
// come from the third cache, which two threads halve.
constexpr int64_t kSmall = 16 * 1024;

void attention(srmk_backend& backend, Rows q, Rows k, Rows v, const int32_t* positions, const srmk_segment* segments,
               int64_t segment_count, const srmk_attention_options& options, Operand y) {
  const Sharing sharing(backend, segments, segment_count, options);
  const AttentionLayout layout(options.d_head, sharing.most_queries() * (options.n_heads / options.n_kv_heads));
  for (auto& scratch : backend.worker_scratch) scratch.get<char>(layout.bytes);  // before the tasks, which may not fail

  const AttentionKernel& kernel = kAttentionVariants[backend.selected[SRMK_OP_ATTENTION]].run;
  const AttendFn attend = y.compute == SRMK_F32 ? kernel.f32 : kernel.rounded;
  Rows whole{};
  if (y.compute == SRMK_I8)
    whole = {backend.whole_rows.get<float>(static_cast<size_t>(y.rows * y.columns)), y.rows, y.columns, y.columns};
  auto body = [&](int64_t task, int worker) {
    char* scratch = backend.worker_scratch[worker].get<char>(layout.bytes);
    sharing.for_units(task, [&](const srmk_segment& segment, int64_t kv_head, int64_t first, int64_t count) {
      attend({q, k, v, y, positions, segment, options, kv_head, segment.query_start + first, count, whole}, scratch);
    });
  };
  int64_t pairs = 0;
  for (int64_t s = 0; s < segment_count; s++)
    pairs += static_cast<int64_t>(segments[s].query_count) * (segments[s].prefix_count + segments[s].key_count);
  if (pairs * options.n_heads * options.d_head < kSmall) {
    for (int64_t task = 0; task < sharing.tasks(); task++) body(task, 0);
  } else {
    backend.pool.run(sharing.tasks(), body);
  }
  if (whole.data != nullptr) pack(backend, whole, y);
}

}  // namespace srm
