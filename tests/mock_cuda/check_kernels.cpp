// What the backend cannot show on small shapes: chunks of an SAE's latents, the bits of products of few
// rows, and kernels that no op of the backend calls.
#include <algorithm>
#include <cmath>
#include <vector>

#include "srm_cuda/sae_gate.cuh"

using namespace srm;

namespace {

// Kernels run here see exactly this memory: operand rows begin at multiples of 16 bytes, padding is zero.
struct Operand {
  Operand(int rows, int columns, u32 seed) : stride((columns + 7) / 8 * 8), elements(rows * stride + 8) {
    first = elements.data();
    while (reinterpret_cast<uintptr_t>(first) % 16 != 0) first++;
    for (int row = 0; row < rows; row++)
      for (int i = 0; i < columns; i++) {
        seed = seed * 1664525u + 1013904223u;
        first[row * stride + i] = to_bf16(static_cast<float>(seed >> 8) / (1 << 23) - 1.0f);
      }
  }
  int stride;
  std::vector<bf16> elements;
  bf16* first;
};

const char* g_problem;

template <typename... Args>
void launch(const char* name, dim3 grid, unsigned threads, size_t shared, Args... arguments) {
  void* values[] = {&arguments...};
  const emu::Kernel* kernel = emu::find_kernel(name);
  bool fits = kernel != nullptr && kernel->parameters.size() == sizeof...(Args);
  const size_t sizes[] = {sizeof(Args)...};
  for (size_t i = 0; fits && i < sizeof...(Args); i++) fits = kernel->parameters[i].size == sizes[i];
  const char* problem = fits ? emu::run_grid(*kernel, grid, {threads, 1, 1}, shared, values) : name;
  if (g_problem == nullptr) g_problem = problem;
}

unsigned tiles(int length, int tile) { return static_cast<unsigned>((length + tile - 1) / tile); }

constexpr size_t kStageBytes = 98304;

std::vector<float> product(const char* kernel, int tile_rows, int tile_columns, const Operand& x, const Operand& w,
                           int rows, int inputs, int outputs) {
  std::vector<float> y(rows * outputs);
  launch(kernel, {tiles(outputs, tile_columns), tiles(rows, tile_rows), 1}, 128, kStageBytes, x.first, x.stride,
         w.first, w.stride, static_cast<float*>(nullptr), y.data(), outputs, rows, inputs, outputs);
  return y;
}

struct Entry {
  int latent;
  float activation;
};
struct Part {
  int start, count;
};

bool is_better(const Entry& a, const Entry& b) {
  return a.activation > b.activation || (a.activation == b.activation && a.latent < b.latent);
}

}  // namespace

// Whether matmul_skinny gives the bits of matmul_mma_sync; a sentence where it does not.
extern "C" __attribute__((visibility("default"))) const char* srm_check_skinny() {
  g_problem = nullptr;
  for (int inputs : {3, 40, 300, 1100}) {
    const int rows = 35, outputs = 37;
    Operand x(rows, inputs, 1), w(outputs, inputs, 2);
    auto a = product("matmul_mma_sync_bf16", 128, 128, x, w, rows, inputs, outputs);
    auto b = product("matmul_skinny_bf16", 32, 16, x, w, rows, inputs, outputs);
    if (std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) != 0) return "matmul_skinny has other bits";
  }
  return g_problem;
}

// TopK over chunks of 128 latents against the choice among all of them, with many ties; a sentence where it differs.
extern "C" __attribute__((visibility("default"))) const char* srm_check_sae_chunks() {
  g_problem = nullptr;
  const int rows = 5, inputs = 20, d_sae = 600, chunk = 128;
  Operand x(rows, inputs, 3), w(d_sae, inputs, 4);
  // Every fourth latent is alike, so equal activations lie in all chunks.
  for (int i = 0; i < d_sae; i += 4) std::copy_n(w.first, w.stride, w.first + i * w.stride);
  const std::vector<float> bias(d_sae, 0.25f);
  auto products = product("matmul_mma_sync_bf16", 128, 128, x, w, rows, inputs, d_sae);
  for (int k : {1, 7, 90, 600}) {
    std::vector<int> counts(rows, 0), latents(rows * k);
    std::vector<float> activations(rows * k), least(rows, 0.0f);
    for (int first = 0; first < d_sae; first += chunk) {
      const int count = std::min(chunk, d_sae - first), panels = (count + 31) / 32;
      int pool_count = 0;
      std::vector<Entry> pool(rows * chunk);
      std::vector<Part> parts(rows * panels);
      const float* no_vector = nullptr;
      launch("sae_encode_mma_sync_bf16", {tiles(count, 128), tiles(rows, 128), 1}, 128, kStageBytes, x.first, x.stride,
             w.first, w.stride, kTopK, no_vector, bias.data(), no_vector, no_vector, no_vector, no_vector, least.data(),
             first, count, &pool_count, pool.data(), parts.data(), rows, inputs);
      launch("sae_encode_mma_sync_topk", {static_cast<unsigned>(rows), 1, 1}, 256, 0, pool.data(), parts.data(), panels,
             k, counts.data(), latents.data(), activations.data(), least.data());
      if (g_problem != nullptr) return g_problem;
    }
    for (int row = 0; row < rows; row++) {
      std::vector<Entry> expected;
      for (int i = 0; i < d_sae; i++) {
        SaeGate gate{kTopK, nullptr, bias.data(), nullptr, nullptr, nullptr, nullptr};
        if (float value = activation(gate, products[row * d_sae + i], i); value > 0.0f) expected.push_back({i, value});
      }
      std::sort(expected.begin(), expected.end(), is_better);
      if (static_cast<int>(expected.size()) > k) expected.resize(k);
      std::sort(expected.begin(), expected.end(), [](auto& a, auto& b) { return a.latent < b.latent; });
      bool same = counts[row] == static_cast<int>(expected.size());
      for (int i = 0; same && i < counts[row]; i++)
        same = latents[row * k + i] == expected[i].latent && activations[row * k + i] == expected[i].activation;
      if (!same) return "TopK over chunks chooses other latents";
    }
  }
  return nullptr;
}

// Projection and head against the formula in double precision, for sizes beside the tiles; twice, since the first run
// must leave its counters as it found them. A sentence where a score is wrong.
extern "C" __attribute__((visibility("default"))) const char* srm_check_project_head() {
  g_problem = nullptr;
  const int rows = 6, d_model = 45, n = 70, hidden = 300;
  std::vector<float> z(rows * d_model), directions(n * d_model), w1(hidden * n), b1(hidden), w2(hidden);
  u32 seed = 5;
  for (auto* values : {&z, &directions, &w1, &b1, &w2})
    for (float& value : *values)
      value = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1;
  std::vector<float> partials(rows * tiles(n, 32) * hidden), scores;
  std::vector<int> arrived(tiles(rows, 4), 0);
  for (int run = 0; run < 2; run++) {
    scores.assign(rows + 1, 7.0f);
    launch("project_head_fused", {tiles(n, 32), tiles(rows, 4), 1}, 256, 0, z.data(), d_model, directions.data(),
           d_model, n, w1.data(), b1.data(), w2.data(), 0.5f, hidden, partials.data(), arrived.data(), scores.data(),
           rows);
  }
  for (int row = 0; row < rows; row++) {
    double score = 0.5, size = 0.5;
    for (int unit = 0; unit < hidden; unit++) {
      double sum = b1[unit], sizes = std::abs(b1[unit]);
      for (int j = 0; j < n; j++) {
        double projection = 0;
        for (int i = 0; i < d_model; i++) {
          projection += static_cast<double>(directions[j * d_model + i]) * z[row * d_model + i];
          sizes += std::abs(w1[unit * n + j] * directions[j * d_model + i] * z[row * d_model + i]);
        }
        sum += w1[unit * n + j] * projection;
      }
      score += w2[unit] * std::max(0.0, sum);
      size += std::abs(w2[unit]) * sizes;
    }
    // Sums of d_model, n and hidden terms in f32: 2^-24 for each term that an element passes, times the sum of sizes.
    if (!(std::abs(scores[row] - score) <= (d_model + n + hidden) * size / (1 << 24))) return "a score is wrong";
  }
  if (scores[rows] != 7.0f) return "a score was written beyond the rows";
  return g_problem;
}

// Counts of a list in which latents repeat.
extern "C" __attribute__((visibility("default"))) const char* srm_check_count_latents() {
  g_problem = nullptr;
  std::vector<int> latents(300), counts(7, 0);
  for (int i = 0; i < 300; i++) latents[i] = i * i % 7;
  std::vector<int> expected(7, 0);
  for (int latent : latents) expected[latent]++;
  const int* list = latents.data();
  launch("count_latents_by_entry", {2, 1, 1}, 256, 0, list, 300, counts.data());
  if (counts != expected) return "a count is wrong";
  return g_problem;
}
