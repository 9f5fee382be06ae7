// Four warps together: where they meet, registers that they hand on, and their products (wgmma).
#include <algorithm>

#include "hopper.h"

namespace emu {

namespace {

constexpr int kThreads = 128, kMostWarpgroups = 8, kRegisters = 64 << 10;
constexpr int kRows = 64, kColumns = 256, kDepth = 16;

// Of the running block.
thread_local Meeting meetings[kMostWarpgroups];
thread_local int registers[kMostWarpgroups], wanted_registers[kMostWarpgroups];  // of a thread
thread_local int free_registers;  // given up by a warpgroup, taken by none

int warpgroup() { return current->number / kThreads; }

bool is_meeting_over(const Wait& wait) { return reinterpret_cast<const Meeting*>(wait.of)->ended != wait.until; }

// A matrix of K-major rows in shared memory, 128 bytes apart within a group of eight.
struct Matrix {
  uint32_t start, group_bytes;
};

// "Matrix Descriptor Format": bits 13-0 address / 16, 29-16 leading offset (of no meaning here), 45-32 stride offset /
// 16, 51-49 base offset, 63-62 swizzle.
Matrix decode(uint64_t descriptor) {
  constexpr uint64_t kUnused = 0xc000ull | 0xc000ull << 16 | 0x1c000ull << 32 | 0x3ffull << 52;
  if ((descriptor & kUnused) != 0) fail("wgmma: a matrix descriptor has bits that mean nothing");
  if (descriptor >> 62 != 1) fail("wgmma: only matrices with the swizzle of 128 bytes are emulated");
  const auto start = static_cast<uint32_t>(descriptor & 0x3fff) << 4;
  // With a base offset of 0 the pattern, which repeats after 1,024 bytes, begins with the matrix' first row.
  if ((descriptor >> 49 & 7) != 0 || (start >> 7 & 7) != 0)
    fail("wgmma: a matrix does not begin at a multiple of 1024 bytes");
  return {start, static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4};
}

// Element [row, k] in f32, at `place(row, k)` of `elements`.
template <int kCount, typename Place>
void read(uint64_t descriptor, float* elements, Place place) {
  const Matrix matrix = decode(descriptor);
  require_no_tile_copy(matrix.start / 128 * 128, (kCount / 8 - 1) * matrix.group_bytes + 1024);
  for (uint32_t row = 0; row < kCount; row++)
    for (uint32_t k = 0; k < kDepth; k++) {
      const uint32_t at = matrix.start + row / 8 * matrix.group_bytes + row % 8 * 128 + k * 2;
      uint32_t bits = 0;
      std::memcpy(reinterpret_cast<char*>(&bits) + 2, shared_at(swizzled(at, 3), 2), 2);
      std::memcpy(&elements[place(row, k)], &bits, 4);
    }
}

struct Operands {
  float* sums;
  uint64_t a, b;
  bool adds;
};

// "Register Fragments" of D: thread t holds in 4 j + e the element of row 16 (t / 32) + t % 32 / 4 + 8 (e / 2) and
// column 8 j + 2 (t % 4) + e % 2.
template <typename Visit>
void visit_row(const Operands* all, int row, Visit visit) {
  for (int i = 0; i < kColumns; i++) {
    const int thread = row / 16 * 32 + row % 8 * 4 + i % 8 / 2;
    visit(i, all[thread].sums[i / 8 * 4 + row % 16 / 8 * 2 + i % 2]);
  }
}

void multiply(const Operands* all) {
  for (int i = 1; i < kThreads; i++)
    if (all[i].a != all[0].a || all[i].b != all[0].b || all[i].adds != all[0].adds)
      fail("wgmma: threads of a warpgroup give different operands");
  static thread_local float a[kRows * kDepth], b[kDepth * kColumns];
  read<kRows>(all[0].a, a, [](uint32_t row, uint32_t k) { return row * kDepth + k; });
  read<kColumns>(all[0].b, b, [](uint32_t row, uint32_t k) { return k * kColumns + row; });
  for (int row = 0; row < kRows; row++) {
    float sums[kColumns] = {};
    if (all[0].adds) visit_row(all, row, [&](int i, float& sum) { sums[i] = sum; });
    for (int k = 0; k < kDepth; k++)
      for (int i = 0; i < kColumns; i++) sums[i] += a[row * kDepth + k] * b[k * kColumns + i];
    visit_row(all, row, [&](int i, float& sum) { sum = sums[i]; });
  }
}

int missing_registers(int group) { return (wanted_registers[group] - registers[group]) * kThreads; }

bool are_registers_there(const Wait& wait) { return missing_registers(static_cast<int>(wait.of)) <= free_registers; }

// The warpgroup meets, then its first thread that finds enough of them takes or gives the registers of all.
void set_registers(int count, bool takes) {
  const int group = warpgroup();
  meet_warpgroup("setmaxnreg: some threads of a warpgroup never reach it", count, [&](const int* counts) {
    for (int i = 0; i < kThreads; i++)
      if (counts[i] != count) fail("setmaxnreg: threads of a warpgroup ask for different counts");
    if (takes ? count < registers[group] : count > registers[group])
      fail("setmaxnreg: .inc to fewer registers or .dec to more");
    wanted_registers[group] = count;
  });
  wait_until_over({are_registers_there, static_cast<uint64_t>(group), 0,
                   "setmaxnreg: a warpgroup waits for registers that no other gives up"});
  free_registers -= missing_registers(group);
  registers[group] = count;
}

}  // namespace

void begin_hopper_block(int threads) {
  begin_tile_copies();
  // What a thread can have at launch: a block's share of the registers in steps of eight, at most 255.
  for (int& each : registers) each = std::min(255, kRegisters / threads) / 8 * 8;
  free_registers = 0;
  for (Meeting& meeting : meetings) meeting.arrived = 0;
}

Meeting& warpgroup_meeting() { return meetings[warpgroup()]; }

bool arrive(Meeting& meeting, const char* missing) {
  if (meeting.arrived > 0 && std::strcmp(meeting.missing, missing) != 0)
    fail("threads of a warpgroup are at different instructions");
  meeting.missing = missing;
  if (++meeting.arrived == kThreads) return true;
  wait_until_over({is_meeting_over, reinterpret_cast<uint64_t>(&meeting), meeting.ended, missing});
  return false;
}

void end(Meeting& meeting) {
  meeting.arrived = 0;
  meeting.ended++;
}

void give_registers(int registers) { set_registers(registers, false); }
void take_registers(int registers) { set_registers(registers, true); }

void multiply_by_warpgroup(float (&sums)[128], uint64_t a, uint64_t b, bool adds) {
  meet_warpgroup("wgmma: some threads of a warpgroup never reach it", Operands{sums, a, b, adds}, multiply);
}

}  // namespace emu
