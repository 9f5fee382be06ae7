// Barriers that count arrivals and bytes, and the copies by tensor maps that complete bytes at them.
#include <algorithm>

#include "hopper.h"

namespace emu {

namespace {

// The 8 bytes of a barrier. A phase ends when no arrivals and no bytes are pending; the next one has `arrivals` again.
struct Barrier {
  uint64_t parity : 1;  // of the phase that has not ended yet
  uint64_t pending : 20, arrivals : 20;
  int64_t bytes : 21;
  uint64_t mark : 2;
};
static_assert(sizeof(Barrier) == 8);
// Memory that nobody wrote is all ones, a tile's zeros are zeros.
enum Mark : uint64_t { kFenced = 1, kInitialised = 2 };
constexpr int kMost = (1 << 20) - 1;  // arrivals or bytes

struct TileCopy {
  TensorMap map;
  int column, row;
  uint32_t to, barrier;
  uint32_t bytes() const { return static_cast<uint32_t>(map.copied_rows() * map.box_row_bytes()); }
};

// Of the running block, the oldest first.
thread_local std::vector<TileCopy> copies;
thread_local std::vector<uint32_t> unfenced;                        // barriers
thread_local std::vector<std::pair<int, const void*>> fenced_maps;  // by thread

Barrier read(uint32_t address) {
  Barrier barrier;
  std::memcpy(&barrier, shared_window() + address, sizeof barrier);
  return barrier;
}

void write(uint32_t address, const Barrier& barrier) {
  std::memcpy(shared_window() + address, &barrier, sizeof barrier);
}

bool is_valid(const Barrier& barrier) { return barrier.mark == kFenced || barrier.mark == kInitialised; }

Barrier require_barrier(uint32_t address) {
  shared_at(address, sizeof(Barrier));
  if (address % sizeof(Barrier) != 0) fail("mbarrier: the address is not a multiple of 8 bytes");
  const Barrier barrier = read(address);
  if (!is_valid(barrier)) fail("mbarrier: there is none at the address, or it was overwritten");
  return barrier;
}

// Adds bytes and takes arrivals away, then ends the phase if nothing is pending. No thread may be running.
void change(uint32_t address, int64_t bytes, int arrivals) {
  Barrier barrier = read(address);
  if (!is_valid(barrier)) return note_problem("mbarrier: it was overwritten while bytes were on their way");
  const int64_t sum = barrier.bytes + bytes;
  if (sum > kMost || sum < -kMost) return note_problem("mbarrier: more bytes than it can count");
  if (barrier.pending < static_cast<uint64_t>(arrivals))
    return note_problem("mbarrier: more arrivals in a phase than it waits for");
  barrier.bytes = sum;
  barrier.pending -= static_cast<uint64_t>(arrivals);
  if (barrier.pending == 0 && barrier.bytes == 0) {
    barrier.parity ^= 1;
    barrier.pending = barrier.arrivals;
  }
  write(address, barrier);
}

// Overwritten barriers count too: their threads go on and see it.
bool is_phase_over(const Wait& wait) {
  const Barrier barrier = read(static_cast<uint32_t>(wait.of));
  return !is_valid(barrier) || barrier.parity != wait.until;
}

void carry_out(size_t index) {
  const TileCopy copy = copies[index];
  copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(index));
  const auto* all = reinterpret_cast<const unsigned char*>(copy.map.address);
  for (int i = 0; i < copy.map.copied_rows(); i++) {
    const int64_t row = copy.row + i * static_cast<int64_t>(copy.map.row_step);
    const bool has_row = row >= 0 && row < static_cast<int64_t>(copy.map.rows);
    for (int j = 0; j < static_cast<int>(copy.map.box_columns); j++) {
      const int64_t column = static_cast<int64_t>(copy.column) + j;
      const bool is_inside = has_row && column >= 0 && column < static_cast<int64_t>(copy.map.columns);
      uint16_t element = 0;
      if (is_inside) std::memcpy(&element, all + row * static_cast<int64_t>(copy.map.row_bytes) + column * 2, 2);
      const auto to = copy.to + static_cast<uint32_t>(i * copy.map.box_row_bytes() + j * 2);
      std::memcpy(shared_window() + swizzled(to, copy.map.swizzle), &element, 2);
    }
  }
  change(copy.barrier, -static_cast<int64_t>(copy.bytes()), 0);
}

}  // namespace

void begin_tile_copies() {
  copies.clear();
  unfenced.clear();
  fenced_maps.clear();
}

void barrier_init(uint32_t address, int arrivals) {
  shared_at(address, sizeof(Barrier));
  if (address % sizeof(Barrier) != 0) fail("mbarrier: the address is not a multiple of 8 bytes");
  if (arrivals < 1 || arrivals > kMost) fail("mbarrier: a count of arrivals that is not 1 to 2^20 - 1");
  const auto count = static_cast<uint64_t>(arrivals);
  write(address, {0, count, count, 0, kInitialised});
  unfenced.push_back(address);
}

void barrier_init_fence() {
  for (uint32_t address : unfenced) {
    Barrier barrier = require_barrier(address);
    barrier.mark = kFenced;
    write(address, barrier);
  }
  unfenced.clear();
}

void barrier_arrive(uint32_t address, int bytes) {
  require_barrier(address);
  change(address, bytes, 1);
}

void barrier_wait(uint32_t address, uint32_t parity) {
  require_barrier(address);
  if (parity > 1) fail("mbarrier: a parity that is neither 0 nor 1");
  wait_until_over({is_phase_over, address, parity, "mbarrier: a thread waits for a phase that never ends"});
  require_barrier(address);
}

void tensor_map_fence(const void* map) { fenced_maps.emplace_back(current->number, map); }

void copy_tile(uint32_t to, const void* map, int column, int row, uint32_t barrier) {
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0) fail("a tensor map is not aligned to 64 bytes");
  TileCopy copy{{}, column, row, to, barrier};
  std::memcpy(&copy.map, map, sizeof copy.map);
  if (copy.map.magic != TensorMap::kMagic) fail("a copy by what is no tensor map");
  const std::pair used{current->number, map};
  if (std::find(fenced_maps.begin(), fenced_maps.end(), used) == fenced_maps.end())
    fail("a copy by a tensor map that no fence has made visible to its thread");
  if (to % 128 != 0) fail("a copy by a tensor map to an address that is not a multiple of 128 bytes");
  shared_at(to, copy.bytes());
  if (require_barrier(barrier).mark != kFenced)
    fail("a copy by a tensor map counts at a barrier that no fence has made visible");
  copies.push_back(copy);
}

bool carry_out_awaited_tile_copy() {
  auto is_awaited_here = [](const TileCopy& copy) { return is_awaited(is_phase_over, copy.barrier); };
  const auto found = std::find_if(copies.begin(), copies.end(), is_awaited_here);
  if (found == copies.end()) return false;
  carry_out(static_cast<size_t>(found - copies.begin()));
  return true;
}

void carry_out_tile_copy(unsigned chance) {
  if (!copies.empty()) carry_out(chance % copies.size());
}

bool are_tile_copies_left() { return !copies.empty(); }

void require_no_tile_copy(uint32_t address, uint32_t bytes) {
  for (const TileCopy& copy : copies)
    if (copy.to < address + bytes && address < copy.to + copy.bytes())
      fail("a product reads what a copy by a tensor map is writing");
}

}  // namespace emu
