// cuBLASLt without a GPU: checks what cublasLt.h and "cuBLAS Library User Guide" ask of a product, and queues it among
// the stream's other work.
#include "cublaslt.h"

#include <algorithm>

using namespace cublaslt;
using mock::state;

namespace {

constexpr uint64_t kMark = 0x6d6c746c73616c62;

// cublasLtMatmulHeuristicResult_t.
struct Heuristic {
  unsigned char algorithm[64];
  size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

// What lies in the 64 bytes of an algorithm, which are the library's own.
struct Algorithm {
  uint64_t mark;
  Shape shape;
  uint32_t align_a, align_b, align_d, align_bias;
  uint64_t workspace_bytes;
};
static_assert(sizeof(Algorithm) == 64);

// The memory of a product.
struct Operands {
  const uint16_t *a, *b;
  const float* bias;
  float* d;
  unsigned char* workspace;
  size_t workspace_bytes;
};

struct Range {
  const char* name;
  const void* start;
  size_t bytes, alignment;

  bool overlaps(const Range& other) const {
    auto *from = static_cast<const char*>(start), *to = static_cast<const char*>(other.start);
    return from < to + other.bytes && to < from + bytes;
  }
};

uint32_t alignment_of(const void* pointer) {
  auto bits = reinterpret_cast<uintptr_t>(pointer);
  return static_cast<uint32_t>(std::min<uintptr_t>(bits & -bits, 256));
}

size_t bytes_of(int rows, int columns, int stride, size_t size) {
  return ((columns - 1) * static_cast<size_t>(stride) + rows) * size;
}

// What is wrong with the memory of a product, or "".
std::string problem_of(const Operands& on, const Algorithm& algorithm) {
  const Shape& s = algorithm.shape;
  std::vector<Range> read = {{"a", on.a, bytes_of(s.k, s.m, s.lda, 2), algorithm.align_a},
                             {"b", on.b, bytes_of(s.k, s.n, s.ldb, 2), algorithm.align_b}};
  if (s.has_bias) read.push_back({"the bias", on.bias, size_t{4} * s.m, std::max(algorithm.align_bias, 16u)});
  const Range d = {"d", on.d, bytes_of(s.m, s.n, s.ldd, 4), algorithm.align_d};
  const Range workspace = {"the workspace", on.workspace, on.workspace_bytes, 256};
  if (on.workspace_bytes < algorithm.workspace_bytes) return "the workspace is smaller than the algorithm asks for";
  if (d.overlaps(workspace)) return "the workspace overlaps d";
  for (const Range& range : read)
    if (range.overlaps(d) || range.overlaps(workspace)) return range.name + std::string(" overlaps what is written");
  read.insert(read.end(), {d, workspace});
  for (const Range& range : read) {
    const mock::Block* block = mock::find_block(range.start, range.bytes);
    if (block == nullptr || !block->is_device) return range.name + std::string(" is not within one live device block");
    if (alignment_of(range.start) < range.alignment)
      return range.name + std::string(" is less aligned than the algorithm was chosen for");
  }
  return "";
}

float widen(uint16_t half) {
  uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// d = aT b + bias. Few columns are summed in two halves: as with the library, a column's bits may depend on how many
// there are.
void multiply(const Operands& on, const Algorithm& algorithm) {
  if (state().lost != kSuccess) return;
  const Shape& s = algorithm.shape;
  std::memset(on.workspace, 0xff, std::min<size_t>(algorithm.workspace_bytes, 1 << 20));
  const int middle = s.n <= 16 ? s.k / 2 : s.k;
  for (int64_t j = 0; j < s.n; j++) {
    for (int64_t i = 0; i < s.m; i++) {
      const uint16_t *x = on.a + i * s.lda, *y = on.b + j * s.ldb;
      float first = 0, second = 0;
      for (int l = 0; l < middle; l++) first += widen(x[l]) * widen(y[l]);
      for (int l = middle; l < s.k; l++) second += widen(x[l]) * widen(y[l]);
      on.d[j * s.ldd + i] = first + second + (s.has_bias ? on.bias[i] : 0);
    }
  }
}

}  // namespace

SRM_MOCK Status cublasLtMatmulAlgoGetHeuristic(void* handle, void* product, void* a, void* b, void* c, void* d,
                                               void* preference, int wanted, Heuristic* results, int* found) {
  SRM_ENTER_LIBRARY(true);
  auto* described = find<Description>(product, __func__);
  auto* wishes = find<Preference>(preference, __func__);
  Algorithm chosen = {kMark, {}, 0, 0, 0, 0, 0};
  if (find<Handle>(handle, __func__) == nullptr || described == nullptr || wishes == nullptr ||
      !shape_of(*described, a, b, c, d, chosen.shape, __func__))
    return kBadValue;
  if (wanted < 1) return mock::violation("no algorithm is wanted"), kBadValue;
  if (wishes->workspace_bytes < 4 << 20) mock::violation("algorithms get a workspace of less than what is recommended");
  chosen.align_a = wishes->align_a;
  chosen.align_b = wishes->align_b;
  chosen.align_d = std::max(wishes->align_c, wishes->align_d);
  chosen.align_bias = chosen.shape.has_bias ? alignment_of(described->bias) : 0;
  chosen.workspace_bytes = wishes->workspace_bytes;
  *found = std::min(wanted, state().settings.algorithms);
  for (int i = 0; i < *found; i++) {
    std::memset(&results[i], 0x5a, sizeof results[i]);
    std::memcpy(results[i].algorithm, &chosen, sizeof chosen);
    results[i].workspace_bytes = chosen.workspace_bytes;
    results[i].state = kFine;
  }
  return kFine;
}

SRM_MOCK Status cublasLtMatmul(void* handle, void* product, const float* alpha, const uint16_t* a, void* layout_a,
                               const uint16_t* b, void* layout_b, const float* beta, const float* c, void* layout_c,
                               float* d, void* layout_d, const void* algorithm, unsigned char* workspace,
                               size_t workspace_bytes, void* stream) {
  SRM_ENTER_LIBRARY(true);
  auto on_stream = state().streams.find(stream);
  if (on_stream == state().streams.end()) return mock::violation("a product on a stream that is not alive"), kBadValue;
  auto* described = find<Description>(product, __func__);
  Shape shape;
  if (find<Handle>(handle, __func__) == nullptr || described == nullptr ||
      !shape_of(*described, layout_a, layout_b, layout_c, layout_d, shape, __func__))
    return kBadValue;
  Algorithm chosen;
  std::memcpy(&chosen, algorithm, sizeof chosen);
  if (chosen.mark != kMark || !(chosen.shape == shape))
    return mock::violation("a product by an algorithm that was chosen for another"), kBadValue;
  if (*alpha != 1 || *beta != 0 || c != d) return mock::violation("a product that adds more than a bias"), kBadValue;
  Operands on = {a, b, described->bias, d, workspace, workspace_bytes};
  std::string problem = problem_of(on, chosen);
  if (!problem.empty()) return mock::violation("%s: %s", __func__, problem.c_str()), kBadValue;
  on_stream->second->work.push_back([=] { multiply(on, chosen); });
  return kFine;
}
