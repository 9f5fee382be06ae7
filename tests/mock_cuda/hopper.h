// What compute capability 9.0 adds, as the PTX ISA describes it: barriers that count bytes, copies by tensor maps,
// warpgroups that meet, registers that they hand on, products of warpgroups. emulated_hopper.h gives it its names in
// the kernels.
#pragma once
#include "emulation.h"

namespace emu {

// ---- addresses ----
// The swizzles of 32, 64 and 128 bytes, numbered 1 to 3 as CUtensorMapSwizzle has them (0: none): of an address in
// shared memory the bits from 4 on, one, two or three of them, are XORed with those from 7 on.
inline uint32_t swizzled(uint32_t address, int swizzle) {
  return address ^ ((address >> 7 & ((1u << swizzle) - 1)) << 4);
}

// ---- tensor maps ----
// What the mock driver writes into the 128 bytes of a CUtensorMap: rows of bf16 and the box that a copy takes.
struct alignas(64) TensorMap {
  static constexpr uint64_t kMagic = 0x70616d20726f736eu;
  uint64_t magic, address, columns, rows, row_bytes;
  uint32_t box_columns, box_rows;
  uint32_t row_step;  // 2: of the box's rows every second is copied
  int32_t swizzle;
  int copied_rows() const { return static_cast<int>((box_rows + row_step - 1) / row_step); }
  int box_row_bytes() const { return static_cast<int>(box_columns) * 2; }
};
static_assert(sizeof(TensorMap) <= 128);

// ---- barriers in shared memory ("mbarrier"), by their addresses ----
void barrier_init(uint32_t barrier, int arrivals);
// Copies may use a barrier only after it.
void barrier_init_fence();
// Expects `bytes` more, then arrives.
void barrier_arrive(uint32_t barrier, int bytes);
void barrier_wait(uint32_t barrier, uint32_t parity);

// ---- copies by tensor maps; each completes its bytes at a barrier ----
// A thread's copies may use a map only after it.
void tensor_map_fence(const void* map);
void copy_tile(uint32_t to, const void* map, int column, int row, uint32_t barrier);
// Carries out the oldest copy whose barrier a thread waits for; whether there is one.
bool carry_out_awaited_tile_copy();
// Carries out one of those that are under way, if there is any.
void carry_out_tile_copy(unsigned chance);
bool are_tile_copies_left();
// Fails where a copy to any of these bytes is under way: they are being overwritten.
void require_no_tile_copy(uint32_t address, uint32_t bytes);

// ---- warpgroups of 128 threads ----
void begin_hopper_block(int threads);
void begin_tile_copies();

// What the threads of a warpgroup bring to an instruction that all of them execute.
struct Meeting {
  const char* missing = nullptr;  // which instruction, by what is said where some never come to it
  int arrived = 0;
  uint64_t ended = 0;  // meetings so far
  alignas(16) unsigned char values[128 * 32];
};
Meeting& warpgroup_meeting();
// True for the last thread to come, which then ends the meeting.
bool arrive(Meeting& meeting, const char* missing);
void end(Meeting& meeting);

// The last thread to come does `action` over what all have brought, in their order; the others wait for that.
template <typename T, typename Action>
void meet_warpgroup(const char* missing, const T& mine, Action action) {
  static_assert(sizeof(T) <= 32);
  Meeting& meeting = warpgroup_meeting();
  std::memcpy(meeting.values + current->number % 128 * sizeof(T), &mine, sizeof(T));
  if (!arrive(meeting, missing)) return;
  action(reinterpret_cast<const T*>(meeting.values));
  end(meeting);
}

// Every thread of the warpgroup has `registers` from now on ("setmaxnreg"): fewer or more than before.
void give_registers(int registers);
void take_registers(int registers);

// sums += a · bᵀ ("wgmma") of one step of k = 16 for a of [64, 16] and b of [256, 16] by matrix descriptors, or
// sums = a · bᵀ; four of them, 32 bytes further in the rows of both each time. Layouts are those of the PTX ISA.
void multiply_by_warpgroup(float (&sums)[128], uint64_t a, uint64_t b, bool adds);

}  // namespace emu
