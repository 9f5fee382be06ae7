// The products of warpgroups on shapes whose tiles outnumber the blocks, under many orders of warps and copies.
#include "check_launch.h"
#include "hopper.h"

using namespace srm;

namespace {

// What pads a row is no zero: a copy by a tensor map must not see it.
constexpr float kPadding = 7;

emu::TensorMap map_of(const Operand& operand, unsigned box_rows) {
  return {emu::TensorMap::kMagic,
          reinterpret_cast<uint64_t>(operand.first),
          static_cast<uint64_t>(operand.columns),
          static_cast<uint64_t>(operand.rows),
          static_cast<uint64_t>(operand.stride) * sizeof(bf16),
          64,
          box_rows,
          1,
          3};
}

// On one block to three, which go through the tiles; a sentence, or null.
template <typename Result, typename... Args>
const char* run_often(const char* name, Result& result, Args... arguments) {
  const char* problem = nullptr;
  for (unsigned schedule = 0; schedule < 12 && problem == nullptr; schedule++) {
    emu::set_schedule(schedule);
    problem = launch_alone(name, {schedule % 3 + 1, 1, 1}, 384, 197696, arguments...);
    if (problem == nullptr && !result.take()) problem = name;
  }
  emu::set_schedule(0);
  return problem;
}

// Sums run over k in order, from 0 on, in every emulated product of tensor cores.
float dot(const Operand& a, int row, const Operand& b, int column) {
  float sum = 0;
  for (int k = 0; k < a.columns; k++)
    sum += to_float(a.first[row * a.stride + k]) * to_float(b.first[column * b.stride + k]);
  return sum;
}

// y as a kernel is to leave it: rows without gaps, and what lies behind them, up to a whole tile, untouched.
template <typename T>
struct Result {
  Result(int rows, int stride)
      : count(rows * stride), behind((rows + 128) * stride + 256), expected(behind), y(behind) {
    std::memset(expected.data(), 0xff, behind * sizeof(T));
    y = expected;
  }
  // Forgets y, so that the next launch has to write it again.
  bool take() {
    const bool is_right = std::memcmp(y.data(), expected.data(), behind * sizeof(T)) == 0;
    std::memset(y.data(), 0xff, behind * sizeof(T));
    return is_right;
  }
  int count, behind;
  std::vector<T> expected, y;
};

const char* check_plain(int rows, int inputs, int outputs) {
  const Operand x(rows, inputs, 1, kPadding), w(outputs, inputs, 2, kPadding);
  const emu::TensorMap x_map = map_of(x, 128), w_map = map_of(w, 256);
  std::vector<float> bias(outputs);
  for (int i = 0; i < outputs; i++) bias[i] = static_cast<float>(i);
  Result<float> result(rows, outputs);
  for (int i = 0; i < result.count; i++) result.expected[i] = dot(x, i / outputs, w, i % outputs) + bias[i % outputs];
  return run_often("matmul_wgmma_tma_bf16", result, x.first, x.stride, w.first, w.stride, bias.data(), result.y.data(),
                   outputs, rows, inputs, outputs, &x_map, &w_map);
}

const char* check_gated(int rows, int inputs, int outputs) {
  const Operand x(rows, inputs, 3, kPadding), gate(outputs, inputs, 4, kPadding), up(outputs, inputs, 5, kPadding);
  const emu::TensorMap x_map = map_of(x, 128), gate_map = map_of(gate, 128), up_map = map_of(up, 128);
  const int stride = (outputs + 7) / 8 * 8;
  Result<bf16> result(rows, stride);
  for (int i = 0; i < result.count; i++) {
    const int row = i / stride, column = i % stride;
    const bool is_padding = column >= outputs;
    const float g = is_padding ? 0.0f : dot(x, row, gate, column), u = is_padding ? 0.0f : dot(x, row, up, column);
    result.expected[i] = to_bf16(activated(kGeluTanh, g) * u);
  }
  return run_often("gated_matmul_wgmma_tma_bf16", result, x.first, x.stride, gate.first, up.first, gate.stride,
                   kGeluTanh, result.y.data(), stride, rows, inputs, outputs, &x_map, &gate_map, &up_map);
}

}  // namespace

// A sentence about the first thing that is wrong, or the name of the kernel that gives other bits, or null.
extern "C" __attribute__((visibility("default"))) const char* srm_check_warpgroup_products() {
  const char* problem = check_plain(300, 200, 499);
  return problem != nullptr ? problem : check_gated(200, 200, 300);
}
