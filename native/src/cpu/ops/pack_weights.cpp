// Weights into the panels of MatMul (matrix.h). A task takes a block of the tensor's rows where they lie: it rounds or
// widens them to the matrix's storage type, and moves the 32-bit words (an f32 or a pair of bf16) into their panels.
#include <algorithm>
#include <atomic>
#include <type_traits>

#include "cpu/ops.h"
#include "cpu/ops/pack_int8.h"
#include "cpu/ops/transpose_words.h"
#include "cpu/weight_element.h"

namespace srm {
namespace {

constexpr int64_t kBlockRows = 16;               // a cache line of a panel, where rows are outputs
constexpr int64_t kRowBytes = int64_t{1} << 15;  // 16 such pieces of rows stay in the second cache

struct Part {
  const char* source;
  bool transposed;
  int64_t output_start, part_outputs, first_row, row_count, inputs;

  int64_t columns() const { return transposed ? part_outputs : inputs; }
  // Where the source's first row and column lie in the matrix: outputs or inputs, as the source has them.
  int64_t row_base() const { return first_row + (transposed ? 0 : output_start); }
  int64_t column_base() const { return transposed ? output_start : 0; }
};

/// A piece of a part in the storage type, unaligned; rows and columns are those of the matrix.
struct Block {
  const char* data;
  int64_t row_bytes, first_row, rows, first_column, columns;
};

template <class Stored>
uint32_t* words(const srmk_matrix& matrix, int64_t panel) {
  return static_cast<uint32_t*>(matrix.data) + panel * kPanel * matrix.padded_inputs() * int64_t{sizeof(Stored)} / 4;
}

/// A block whose rows are outputs, all of one panel.
template <class Stored>
void place_outputs(const srmk_matrix& matrix, const Block& block) {
  constexpr int64_t kPerWord = 4 / sizeof(Stored);
  int64_t whole = block.columns / kPerWord;
  uint32_t* to = words<Stored>(matrix, block.first_row / kPanel) + block.first_column / kPerWord * kPanel +
                 block.first_row % kPanel;
  transpose_words(block.data, block.row_bytes, block.rows, whole, to);
  // The odd last input: its pair's other half is padding.
  if (block.columns % kPerWord != 0)
    for (int64_t r = 0; r < block.rows; r++)
      to[whole * kPanel + r] = load_unaligned<Stored>(block.data + r * block.row_bytes + whole * 4);
}

/// A block whose rows are inputs.
template <class Stored>
void place_inputs(const srmk_matrix& matrix, const Block& block) {
  const int64_t end_row = block.first_row + block.rows, end_column = block.first_column + block.columns;
  for (int64_t column = block.first_column; column < end_column;) {
    const int64_t end = std::min(end_column, (column / kPanel + 1) * kPanel), count = end - column;
    uint32_t* to = words<Stored>(matrix, column / kPanel) + column % kPanel;
    const char* from = block.data + (column - block.first_column) * int64_t{sizeof(Stored)};
    for (int64_t row = block.first_row; row < end_row; row++, from += block.row_bytes) {
      if constexpr (std::is_same_v<Stored, uint32_t>) {
        std::memcpy(to + row * kPanel, from, static_cast<size_t>(count) * 4);
      } else if (row % 2 == 0 && row + 1 < end_row) {
        for (int64_t j = 0; j < count; j++)
          to[row / 2 * kPanel + j] = load_unaligned<uint16_t>(from + 2 * j) |
                                     uint32_t{load_unaligned<uint16_t>(from + block.row_bytes + 2 * j)} << 16;
        row++;
        from += block.row_bytes;
      } else {
        // Half of each pair alone: the other half is padding, or comes with the rows before or after these.
        auto* halves = reinterpret_cast<uint16_t*>(to + row / 2 * kPanel) + row % 2;
        for (int64_t j = 0; j < count; j++) halves[2 * j] = load_unaligned<uint16_t>(from + 2 * j);
      }
    }
    column = end;
  }
}

template <class Element>
bool all_finite(const char* from, int64_t count) {
  // Collected in the element's own width: the compiler makes vectors of this, and none of a bool.
  using Bits = typename Element::Bits;
  Bits bad = 0;
  for (int64_t i = 0; i < count; i++) bad |= Element::finite(load_bits<Element>(from, i)) ? Bits{0} : Bits{1};
  return bad == 0;
}

template <class Element, class Stored>
void convert(const char* from, int64_t count, Stored* to) {
  for (int64_t i = 0; i < count; i++) {
    float value = Element::widen(load_bits<Element>(from, i));
    if constexpr (std::is_same_v<Stored, uint16_t>) {
      to[i] = to_bf16(value);
    } else {
      to[i] = to_bits(value);
    }
  }
}

template <class Element, class Stored>
int64_t pack_part(srmk_backend& backend, const srmk_matrix& matrix, const Part& part) {
  // Whether the file's elements are already those of the panels.
  constexpr bool kAsIs =
      std::is_same_v<Stored, uint32_t> ? std::is_same_v<Element, F32Element> : std::is_same_v<Element, Bf16Element>;
  constexpr int64_t kSize = sizeof(typename Element::Bits), kColumns = kRowBytes / kSize;
  const int64_t row_base = part.row_base(), column_base = part.column_base(), columns = part.columns();
  if (part.row_count == 0 || columns == 0) return -1;
  // Blocks begin at multiples in the matrix, so that none spans two panels or parts a pair of inputs.
  const int64_t first_block = row_base / kBlockRows, first_segment = column_base / kColumns;
  const int64_t blocks = (row_base + part.row_count - 1) / kBlockRows - first_block + 1;
  const int64_t segments = (column_base + columns - 1) / kColumns - first_segment + 1;
  const int64_t row_bytes = columns * kSize;
  const size_t made_bytes = kAsIs ? 0 : static_cast<size_t>(kBlockRows * std::min(columns, kColumns)) * sizeof(Stored);
  if (!kAsIs)
    for (auto& scratch : backend.worker_scratch) scratch.get(made_bytes);

  std::atomic<bool> finite{true};
  backend.pool.run(blocks * segments, [&](int64_t task, int worker) {
    const int64_t block = first_block + task / segments, segment = first_segment + task % segments;
    const int64_t row = std::max(row_base, block * kBlockRows), column = std::max(column_base, segment * kColumns);
    const int64_t rows = std::min(row_base + part.row_count, (block + 1) * kBlockRows) - row;
    const int64_t count = std::min(column_base + columns, (segment + 1) * kColumns) - column;
    const char* data = part.source + (row - row_base) * row_bytes + (column - column_base) * kSize;
    for (int64_t r = 0; r < rows; r++)
      if (!all_finite<Element>(data + r * row_bytes, count)) finite = false;
    Block piece{data, row_bytes, row, rows, column, count};
    if constexpr (!kAsIs) {
      auto* made = backend.worker_scratch[worker].get<Stored>(made_bytes);
      for (int64_t r = 0; r < rows; r++) convert<Element, Stored>(data + r * row_bytes, count, made + r * count);
      piece.data = reinterpret_cast<const char*>(made);
      piece.row_bytes = count * int64_t{sizeof(Stored)};
    }
    part.transposed ? place_inputs<Stored>(matrix, piece) : place_outputs<Stored>(matrix, piece);
  });
  return finite ? -1 : first_bad<Element>(part.source, part.row_count * columns);
}

template <class Element>
int64_t pack_part(srmk_backend& backend, const srmk_matrix& matrix, const Part& part) {
  return matrix.storage == SRMK_BF16 ? pack_part<Element, uint16_t>(backend, matrix, part)
                                     : pack_part<Element, uint32_t>(backend, matrix, part);
}

template <class Element>
int64_t widen(const char* source, int64_t count, float* destination) {
  for (int64_t i = 0; i < count; i++) destination[i] = Element::widen(load_bits<Element>(source, i));
  return first_bad<Element>(source, count);
}

}  // namespace

int64_t pack_weights(srmk_backend& backend, srmk_matrix& matrix, const void* source, int dtype, bool transposed,
                     int64_t output_start, int64_t part_outputs, int64_t first_row, int64_t row_count) {
  bool fits = output_start >= 0 && part_outputs >= 0 && first_row >= 0 && row_count >= 0 &&
              output_start + part_outputs <= matrix.outputs &&
              first_row + row_count <= (transposed ? matrix.inputs : part_outputs);
  require(fits, "the rows to pack reach outside the matrix");
  if (matrix.storage == SRMK_I8) {
    require(!transposed, "rows that become int8 are outputs");
    return pack_int8(backend, matrix, source, dtype, output_start + first_row, row_count);
  }
  Part part{
      static_cast<const char*>(source), transposed, output_start, part_outputs, first_row, row_count, matrix.inputs};
  switch (dtype) {
    case SRMK_F32: return pack_part<F32Element>(backend, matrix, part);
    case SRMK_BF16: return pack_part<Bf16Element>(backend, matrix, part);
    case SRMK_F16: return pack_part<F16Element>(backend, matrix, part);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the weights' element type is unknown");
  }
}

int64_t load_vector(const void* source, int dtype, int64_t count, float* destination) {
  const auto* from = static_cast<const char*>(source);
  switch (dtype) {
    case SRMK_F32: return widen<F32Element>(from, count, destination);
    case SRMK_BF16: return widen<Bf16Element>(from, count, destination);
    case SRMK_F16: return widen<F16Element>(from, count, destination);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the weights' element type is unknown");
  }
}

}  // namespace srm
