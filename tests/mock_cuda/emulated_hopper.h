// srm_cuda/hopper.cuh in plain C++: the same functions over emulated barriers, copies and warpgroups; see hopper.h.
#pragma once
#include "hopper.h"

namespace srm {

inline void barrier_init(SharedAddress barrier, int arrivals) { emu::barrier_init(barrier, arrivals); }
inline void barrier_init_fence() { emu::barrier_init_fence(); }
inline void barrier_arrive(SharedAddress barrier) { emu::barrier_arrive(barrier, 0); }
inline void barrier_arrive_expect(SharedAddress barrier, int bytes) { emu::barrier_arrive(barrier, bytes); }
inline void barrier_wait(SharedAddress barrier, u32 parity) { emu::barrier_wait(barrier, parity); }

inline void tensor_map_fence(const void* map) { emu::tensor_map_fence(map); }

// Carried out as late as a wait allows, so that a kernel that does not wait computes with what was there before.
inline void copy_tile(SharedAddress to, const void* map, int column, int row, SharedAddress barrier) {
  emu::copy_tile(to, map, column, row, barrier);
}

template <int kRegisters>
inline void give_registers() {
  static_assert(kRegisters >= 24 && kRegisters <= 256 && kRegisters % 8 == 0);
  emu::give_registers(kRegisters);
}
template <int kRegisters>
inline void take_registers() {
  static_assert(kRegisters >= 24 && kRegisters <= 256 && kRegisters % 8 == 0);
  emu::take_registers(kRegisters);
}

inline void wgmma_m64n256k64(float (&sums)[128], u64 a, u64 b, bool first) {
  for (u64 step = 0; step < 4; step++) emu::multiply_by_warpgroup(sums, a + step * 2, b + step * 2, step > 0 || !first);
}

}  // namespace srm
