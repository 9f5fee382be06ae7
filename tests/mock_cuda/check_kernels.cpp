// What the backend cannot show on small shapes: chunks of an SAE's latents and the bits of products
// of few rows.
#include <algorithm>
#include <vector>

#include "check_launch.h"
#include "srm_cuda/sae_gate.cuh"

using namespace srm;

namespace {

const char* g_problem;

template <typename... Args>
void launch(const char* name, dim3 grid, unsigned threads, size_t shared, Args... arguments) {
  const char* problem = launch_alone(name, grid, threads, shared, arguments...);
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
