// What a kernel for compute capability 9.0 can do wrong, and what the emulation says of it.
#include "srm_cuda/hopper.cuh"

using namespace srm;

namespace {

constexpr SharedAddress kBarrier = 1024, kTile = 2048, kShared = 64 << 10;

struct Fault {
  const char* said;  // a part of the sentence
  unsigned threads;
  void (*commit)(const void* map);
};

bool is_first() { return threadIdx.x == 0; }

void make_barrier(int arrivals) {
  if (!is_first()) return;
  barrier_init(kBarrier, arrivals);
  barrier_init_fence();
}

void copy(const void* map, SharedAddress to = kTile) {
  tensor_map_fence(map);
  copy_tile(to, map, 0, 0, kBarrier);
}

void copy_and_wait(int expected, const void* map, SharedAddress to = kTile) {
  make_barrier(1);
  if (!is_first()) return;
  barrier_arrive_expect(kBarrier, expected);
  copy(map, to);
  barrier_wait(kBarrier, 0);
}

void multiply(u64 a, u64 b) {
  float sums[128];
  wgmma_m64n256k64(sums, a, b, true);
}
void multiply(SharedAddress a) { multiply(matrix_descriptor(a), matrix_descriptor(a)); }

const Fault kFaults[] = {
    {"aligned to 64 bytes", 1, [](const void* map) { copy_and_wait(1024, static_cast<const char*>(map) + 16); }},
    {"no tensor map", 1,
     [](const void* map) { copy_and_wait(1024, static_cast<const char*>(map) + sizeof(emu::TensorMap)); }},
    {"visible to its thread", 2,
     [](const void* map) {
       make_barrier(1);
       if (!is_first()) tensor_map_fence(map);
       sync_block();
       if (is_first()) copy_tile(kTile, map, 0, 0, kBarrier);
     }},
    {"a multiple of 128 bytes", 1, [](const void* map) { copy_and_wait(1024, map, kTile + 64); }},
    {"outside of the block's", 1, [](const void* map) { copy_and_wait(1024, map, kShared); }},
    {"a phase that never ends", 1, [](const void* map) { copy_and_wait(1023, map); }},
    {"a phase that never ends", 1, [](const void* map) { copy_and_wait(1025, map); }},
    {"more bytes than it can count", 1, [](const void* map) { copy_and_wait(1 << 20, map); }},
    {"a barrier that no fence", 1,
     [](const void* map) {
       barrier_init(kBarrier, 1);
       copy(map);
     }},
    {"never waited for", 1,
     [](const void* map) {
       make_barrier(1);
       copy(map);
     }},
    {"overwritten while bytes", 1,
     [](const void* map) {
       make_barrier(1);
       barrier_arrive_expect(kBarrier, 1024);
       copy(map, kBarrier);
       barrier_wait(kBarrier, 0);
     }},
    {"there is none at the address", 1, [](const void*) { barrier_wait(kBarrier, 1); }},
    {"a multiple of 8 bytes", 1, [](const void*) { barrier_init(kBarrier + 4, 1); }},
    {"not 1 to 2^20 - 1", 1, [](const void*) { barrier_init(kBarrier, 0); }},
    {"neither 0 nor 1", 1,
     [](const void*) {
       make_barrier(1);
       barrier_wait(kBarrier, 2);
     }},
    {"more arrivals in a phase", 1,
     [](const void*) {
       make_barrier(1);
       barrier_arrive_expect(kBarrier, 16);
       barrier_arrive(kBarrier);
     }},
    {"wgmma: some threads", 128,
     [](const void*) {
       if (!is_first()) multiply(1024);
     }},
    {"different operands", 128, [](const void*) { multiply(is_first() ? 2048 : 1024); }},
    {"a multiple of 1024 bytes", 128, [](const void*) { multiply(1024 + 128); }},
    {"bits that mean nothing", 128,
     [](const void*) { multiply(matrix_descriptor(1024) | u64{1} << 46, matrix_descriptor(1024)); }},
    {"swizzle of 128 bytes", 128,
     [](const void*) { multiply(matrix_descriptor(1024), matrix_descriptor(1024) ^ u64{3} << 62); }},
    {"outside of the block's", 128, [](const void*) { multiply(kShared - 8192); }},
    {"is writing", 128,
     [](const void* map) {
       make_barrier(1);
       if (is_first()) copy(map);
       multiply(1024);
     }},
    {"no other gives up", 128, [](const void*) { take_registers<256>(); }},
    {".inc to fewer", 128, [](const void*) { take_registers<24>(); }},
    {".inc to fewer", 384, [](const void*) { give_registers<176>(); }},
    {"at different instructions", 128, [](const void*) { is_first() ? give_registers<40>() : multiply(1024); }},
    {"setmaxnreg: some threads", 128,
     [](const void*) {
       if (!is_first()) give_registers<40>();
     }},
    {"only some of the block's threads", 128,
     [](const void*) {
       if (!is_first()) sync_block();
     }},
    {"different barriers", 128, [](const void*) { is_first() ? sync_block() : sync_warp(); }},
};

void commit(int fault, const void* map) { kFaults[fault].commit(map); }

}  // namespace

// A part of the first sentence that is not said where it should be, or null.
extern "C" __attribute__((visibility("default"))) const char* srm_check_hopper_faults() {
  alignas(16) static const u16 elements[64 * 8] = {};
  const emu::TensorMap maps[2] = {
      {emu::TensorMap::kMagic, reinterpret_cast<uint64_t>(elements), 64, 8, 128, 64, 8, 1, 3}, {}};
  const void* map = maps;
  int number = 0;
  for (const Fault& fault : kFaults) {
    void* values[] = {&number, &map};
    const char* said =
        emu::run_grid(emu::describe<commit>("", commit), {1, 1, 1}, {fault.threads, 1, 1}, kShared - 128, values);
    if (said == nullptr || std::strstr(said, fault.said) == nullptr) return fault.said;
    number++;
  }
  return nullptr;
}
