// The tile instructions of AMX. With SRM_EMULATE_AMX they are plain loops, so that what is built on them can be tested
// on any machine; the library then claims AMX everywhere.
#pragma once

namespace srm::amx_bf16 {

#if defined(SRM_EMULATE_AMX)
struct EmulatedTile {
  uint32_t at[16][16];
};
inline thread_local EmulatedTile g_tiles[8];

inline void tile_configure(const void*) {}
inline void tile_release() { std::memset(g_tiles, 0xff, sizeof(g_tiles)); }
inline void tile_zero(int tile) { g_tiles[tile] = {}; }
inline void tile_load(int tile, const void* from, int64_t stride) {
  for (int row = 0; row < 16; row++)
    std::memcpy(g_tiles[tile].at[row], static_cast<const char*>(from) + row * stride, 64);
}
inline void tile_store(int tile, void* to, int64_t stride) {
  for (int row = 0; row < 16; row++) std::memcpy(static_cast<char*>(to) + row * stride, g_tiles[tile].at[row], 64);
}
inline void tile_dot(int target, int left, int right) {
  auto value = [](uint32_t bits) {
    float v;
    std::memcpy(&v, &bits, 4);
    return v;
  };
  for (int m = 0; m < 16; m++)
    for (int n = 0; n < 16; n++) {
      float sum = value(g_tiles[target].at[m][n]);
      for (int k = 0; k < 16; k++) {
        const uint32_t a = g_tiles[left].at[m][k], b = g_tiles[right].at[k][n];
        sum += value(a << 16) * value(b << 16);
        sum += value(a & 0xffff0000u) * value(b & 0xffff0000u);
      }
      std::memcpy(&g_tiles[target].at[m][n], &sum, 4);
    }
}
inline void tile_dot_bytes(int target, int left, int right) {
  for (int m = 0; m < 16; m++)
    for (int n = 0; n < 16; n++)
      for (int k = 0; k < 16; k++)
        for (int byte = 0; byte < 32; byte += 8) {
          const auto a = static_cast<uint8_t>(g_tiles[left].at[m][k] >> byte);
          const auto b = static_cast<int8_t>(g_tiles[right].at[k][n] >> byte);
          g_tiles[target].at[m][n] += static_cast<uint32_t>(a * b);
        }
}
#else
// Macros: the compiler's own are, and want the numbers of tiles as they stand in the source.
// That of GCC 12 claims to read eight bytes, and orders nothing that was stored before.
#define tile_configure(configuration) asm volatile("ldtilecfg %0" ::"m"(*(configuration)) : "memory")
#define tile_release() _tile_release()
#define tile_zero(tile) _tile_zero(tile)
#define tile_load(tile, from, stride) _tile_loadd(tile, from, stride)
#define tile_store(tile, to, stride) _tile_stored(tile, to, stride)
#define tile_dot(sum, left, right) _tile_dpbf16ps(sum, left, right)
#define tile_dot_bytes(sum, left, right) _tile_dpbusd(sum, left, right)
#endif

}  // namespace srm::amx_bf16
