// The emulated barriers, copies by tensor maps and products of warpgroups against what the manuals say of them, written
// out here a second time: places as the CUDA C++ Programming Guide gives them ("Swizzle"), phases, descriptors and
// fragments as the PTX ISA does ("mbarrier", "Matrix Descriptor Format", "Register Fragments").
#include <cstdio>

#include "srm_cuda/hopper.cuh"

using namespace srm;

namespace {

constexpr SharedAddress kBarrier = 1024, kTile = 2048;

u16 word_at(SharedAddress address) {
  u16 word;
  std::memcpy(&word, emu::shared_at(address, 2), 2);
  return word;
}

void make_barrier(int arrivals) {
  if (threadIdx.x == 0) {
    barrier_init(kBarrier, arrivals);
    barrier_init_fence();
  }
  sync_block();
}

// Where the guide has 16-byte chunk x of row y of a tile: rows of 128, 64 or 32 bytes are swizzled among 8, 4 or 2
// chunks, which change after 1, 2 or 4 rows; a tile that does not begin at a multiple of 1,024 bytes is some rows on in
// the pattern.
int swizzled_chunk(int swizzle, int x, int y, SharedAddress tile) {
  if (swizzle == 0) return x;
  const int chunks = 1 << swizzle, y_in_pattern = y / (8 / chunks) + static_cast<int>(tile / 128 % 8);
  return (y_in_pattern % chunks) ^ x;
}

// Each element of the box lies in its place, zeros where the tensor ends; elements are numbered from 1 on.
void check_places(const emu::TensorMap* map, SharedAddress tile, int column, int row, int* is_right) {
  make_barrier(1);
  if (threadIdx.x != 0) return;
  srm::tensor_map_fence(map);
  const int columns = static_cast<int>(map->columns), rows = static_cast<int>(map->rows);
  const int box_columns = static_cast<int>(map->box_columns), step = static_cast<int>(map->row_step);
  const int copied = (static_cast<int>(map->box_rows) + step - 1) / step;
  barrier_arrive_expect(kBarrier, copied * box_columns * 2);
  srm::copy_tile(tile, map, column, row, kBarrier);
  *is_right = word_at(tile) == 0xffff;  // nobody has waited yet
  barrier_wait(kBarrier, 0);
  for (int y = 0; y < copied; y++)
    for (int i = 0; i < box_columns; i++) {
      const int r = row + y * step, c = column + i;
      const bool is_inside = r >= 0 && r < rows && c >= 0 && c < columns;
      const int chunk = swizzled_chunk(map->swizzle, i / 8, y, tile);
      const auto at = tile + static_cast<SharedAddress>(y * box_columns * 2 + chunk * 16 + i % 8 * 2);
      if (word_at(at) != (is_inside ? r * columns + c + 1 : 0)) *is_right = 0;
    }
}

// Lets every other thread run once.
void let_others_run() {
  int asked = 0;
  auto is_over = [](const emu::Wait& wait) { return ++*reinterpret_cast<int*>(wait.of) == 2; };
  emu::wait_until_over({is_over, reinterpret_cast<uint64_t>(&asked), 0, ""});
}

// Thread 0 counts the phases that have ended, the first of the other warp makes them end.
void check_phases(const emu::TensorMap* map, int* is_right) {
  SRM_DYNAMIC_SHARED(int, seen);
  if (threadIdx.x == 0) *seen = 0;
  make_barrier(2);
  if (threadIdx.x == 0)
    for (u32 parity : {1u, 0u, 1u, 0u}) {  // the first is that before the barrier was made
      barrier_wait(kBarrier, parity);
      ++*seen;
    }
  if (threadIdx.x != 32) return;
  srm::tensor_map_fence(map);
  bool right = true;
  auto expect = [&](int count) {
    let_others_run();
    right = right && *seen == count;
  };
  expect(1);
  barrier_arrive(kBarrier);
  expect(1);
  barrier_arrive_expect(kBarrier, 2048);  // the last arrival, but bytes are pending
  expect(1);
  srm::copy_tile(kTile, map, 0, 0, kBarrier);
  expect(1);
  srm::copy_tile(kTile + 1024, map, 0, 0, kBarrier);
  barrier_wait(kBarrier, 0);
  right = right && word_at(kTile) == 1 && word_at(kTile + 1024) == 1;
  expect(2);
  barrier_arrive(kBarrier);
  expect(2);
  barrier_arrive(kBarrier);
  expect(3);
  barrier_arrive_expect(kBarrier, 1024);
  srm::copy_tile(kTile, map, 0, 0, kBarrier);  // bytes may come before all arrivals do
  barrier_arrive(kBarrier);
  barrier_wait(kBarrier, 0);
  expect(4);
  *is_right = right;
}

// Small integers, so that sums are exact in any order.
float a_at(int row, int k) { return static_cast<float>((row * 5 + k * 3) % 11 - 5); }
float b_at(int row, int k) { return static_cast<float>((row * 2 + k * 7) % 13 - 6); }

// Puts a matrix of rows of 64 into shared memory, groups of eight rows `group_bytes` apart.
template <typename Element>
void put(SharedAddress to, int rows, int group_bytes, Element element) {
  for (int row = static_cast<int>(threadIdx.x); row < rows; row += 128)
    for (int k = 0; k < 64; k++) {
      const int chunk = swizzled_chunk(3, k / 8, row % 8, to);
      const auto at = to + static_cast<SharedAddress>(row / 8 * group_bytes + row % 8 * 128 + chunk * 16 + k % 8 * 2);
      const bf16 rounded = to_bf16(element(row, k));
      std::memcpy(emu::shared_at(at, 2), &rounded, 2);
    }
}

// Bits 13-0: address / 16; 45-32: bytes from one group of eight rows to the next / 16; 63-62: 1 for 128-byte swizzle.
u64 descriptor(SharedAddress at, int group_bytes) {
  return at / 16 | static_cast<u64>(group_bytes / 16) << 32 | u64{1} << 62;
}

void check_product(int* is_right) {
  constexpr SharedAddress kA = 1024, kB = kA + 8 * 2048;
  put(kA, 64, 2048, a_at);
  put(kB, 256, 1024, b_at);
  sync_block();
  bool right = (matrix_descriptor(kB) & ~(u64{0x3fff} << 16)) == descriptor(kB, 1024);  // 29-16 mean nothing here
  for (bool first : {true, false}) {
    float sums[128];
    for (int i = 0; i < 128; i++) sums[i] = static_cast<float>(i);
    wgmma_m64n256k64(sums, descriptor(kA, 2048), descriptor(kB, 1024), first);
    for (int i = 0; i < 128; i++) {
      // d_i: row = 16 (warp % 4) + lane / 4, + 8 where i % 4 >= 2; column = 8 (i / 4) + 2 (lane % 4) + (i & 1).
      const int row = warp_index() * 16 + (lane() >> 2) + (i % 4 >= 2 ? 8 : 0);
      const int column = i / 4 * 8 + lane() % 4 * 2 + (i & 1);
      float sum = first ? 0.0f : static_cast<float>(i);
      for (int k = 0; k < 64; k++) sum += a_at(row, k) * b_at(column, k);
      right = right && sums[i] == sum;
    }
  }
  if (!right) *is_right = 0;
}

template <auto kernel, typename... Args>
bool holds(unsigned threads, Args... arguments) {
  int is_right = 1;
  int* pointer = &is_right;
  void* values[] = {&arguments..., &pointer};
  const char* problem = emu::run_grid(emu::describe<kernel>("", kernel), {1, 1, 1}, {threads, 1, 1}, 64 << 10, values);
  if (problem != nullptr) std::fprintf(stderr, "%s\n", problem);
  return problem == nullptr && is_right == 1;
}

}  // namespace

// A sentence about the first thing that is wrong, or null.
extern "C" __attribute__((visibility("default"))) const char* srm_check_hopper() {
  constexpr int kColumns = 72, kRows = 20;
  alignas(16) static u16 elements[kColumns * kRows];
  for (int i = 0; i < kColumns * kRows; i++) elements[i] = static_cast<u16>(i + 1);
  emu::TensorMap map{
      emu::TensorMap::kMagic, reinterpret_cast<uint64_t>(elements), kColumns, kRows, kColumns * 2, 0, 0, 1, 0};
  const emu::TensorMap* pointer = &map;
  for (int swizzle = 0; swizzle < 4; swizzle++)
    for (SharedAddress tile : {kTile, kTile + 384})
      for (auto [column, row] : {std::pair{0, 0}, {48, 8}, {-5, -3}, {72, 0}, {0, 20}}) {
        map.box_columns = swizzle == 0 ? 64 : 8u << swizzle;
        map.box_rows = 16;
        map.row_step = row == 8 ? 3 : 1;
        map.swizzle = swizzle;
        if (swizzle < 3 && tile != kTile) continue;  // where smaller patterns begin is the same rule
        if (!holds<check_places>(32, pointer, tile, column, row)) return "a tile's elements are not in their places";
      }
  map.box_rows = 8;
  if (!holds<check_phases>(64, pointer)) return "a barrier's phases end at other times";
  if (!holds<check_product>(128)) return "wgmma differs from the product";
  return nullptr;
}
