// Weights into the panels of MatMul (matrix.h), tile by tile so that both sides stay in the first cache.
#include <algorithm>
#include <atomic>

#include "cpu/ops.h"
#include "cpu/weight_element.h"

namespace srm {
namespace {

struct Part {
  const void* source;
  bool transposed;
  int64_t output_start, part_outputs, first_row, row_count, inputs;

  // What the rows at hand cover: outputs of the stacked matrix and inputs.
  int64_t first_output() const { return output_start + (transposed ? 0 : first_row); }
  int64_t end_output() const { return first_output() + (transposed ? part_outputs : row_count); }
  int64_t first_input() const { return transposed ? first_row : 0; }
  int64_t end_input() const { return first_input() + (transposed ? row_count : inputs); }

  int64_t index(int64_t output, int64_t input) const {
    return transposed ? (input - first_row) * part_outputs + (output - output_start)
                      : (output - first_output()) * inputs + input;
  }
};

constexpr int64_t kTileInputs = 64;

// One tile of at most 64 outputs of a panel by 64 inputs. Returns whether all its elements are finite.
template <class Element>
bool pack_tile(srmk_matrix& matrix, const Part& part, int64_t panel, int64_t first, int64_t end, int64_t input,
               int64_t input_end) {
  bool finite = true;
  float* floats = const_cast<float*>(matrix.floats(panel));
  auto* halves = reinterpret_cast<uint16_t*>(const_cast<uint32_t*>(matrix.pairs(panel)));
  bool exact = std::is_same_v<Element, Bf16Element>;
  for (int64_t o = first; o < end; o++) {
    int64_t column = o % kPanel;
    for (int64_t i = input; i < input_end; i++) {
      auto bits = load_bits<Element>(part.source, part.index(o, i));
      finite &= Element::finite(bits);
      if (matrix.storage == SRMK_BF16) {
        halves[(i / 2 * kPanel + column) * 2 + i % 2] =
            exact ? static_cast<uint16_t>(bits) : to_bf16(Element::widen(bits));
      } else {
        floats[i * kPanel + column] = Element::widen(bits);
      }
    }
  }
  return finite;
}

template <class Element>
int64_t first_bad(const void* source, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!Element::finite(load_bits<Element>(source, i))) return i;
  return -1;
}

template <class Element>
int64_t pack_part(srmk_backend& backend, srmk_matrix& matrix, const Part& part) {
  int64_t first_panel = part.first_output() / kPanel, panels = (part.end_output() + kPanel - 1) / kPanel - first_panel;
  std::atomic<bool> finite{true};
  backend.pool.run(panels, [&](int64_t task, int) {
    int64_t panel = first_panel + task;
    int64_t first = std::max(part.first_output(), panel * kPanel),
            end = std::min(part.end_output(), (panel + 1) * kPanel);
    for (int64_t input = part.first_input(); input < part.end_input();) {
      int64_t input_end = std::min(part.end_input(), (input / kTileInputs + 1) * kTileInputs);
      if (!pack_tile<Element>(matrix, part, panel, first, end, input, input_end)) finite = false;
      input = input_end;
    }
  });
  return finite ? -1
                : first_bad<Element>(part.source, part.row_count * (part.transposed ? part.part_outputs : part.inputs));
}

template <class Element>
int64_t widen(const void* source, int64_t count, float* destination) {
  for (int64_t i = 0; i < count; i++) destination[i] = Element::widen(load_bits<Element>(source, i));
  return first_bad<Element>(source, count);
}

}  // namespace

int64_t pack_weights(srmk_backend& backend, srmk_matrix& matrix, const void* source, int dtype, bool transposed,
                     int64_t output_start, int64_t part_outputs, int64_t first_row, int64_t row_count) {
  Part part{source, transposed, output_start, part_outputs, first_row, row_count, matrix.inputs};
  bool fits = output_start >= 0 && part_outputs >= 0 && first_row >= 0 && row_count >= 0 &&
              output_start + part_outputs <= matrix.outputs && part.end_output() <= output_start + part_outputs &&
              part.end_input() <= matrix.inputs;
  require(fits, "the rows to pack reach outside the matrix");
  switch (dtype) {
    case SRMK_F32: return pack_part<F32Element>(backend, matrix, part);
    case SRMK_BF16: return pack_part<Bf16Element>(backend, matrix, part);
    case SRMK_F16: return pack_part<F16Element>(backend, matrix, part);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the weights' element type is unknown");
  }
}

int64_t load_vector(const void* source, int dtype, int64_t count, float* destination) {
  switch (dtype) {
    case SRMK_F32: return widen<F32Element>(source, count, destination);
    case SRMK_BF16: return widen<Bf16Element>(source, count, destination);
    case SRMK_F16: return widen<F16Element>(source, count, destination);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the weights' element type is unknown");
  }
}

}  // namespace srm
