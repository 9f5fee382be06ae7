#include "probe.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "cpu/features.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace srm {
namespace {

/// Does rounds of one kind of work over bytes of memory (the arithmetic ones ignore it) and gives what keeps it alive.
using Loop = float (*)(const char* memory, int64_t bytes, int64_t rounds);

// Independent sums: enough to hide the latency of an addition, few enough to stay in registers.
constexpr int kSums = 12, kWideSums = 16;

// Read again each time, so that no compiler knows what is multiplied or takes two sums for one.
volatile float g_factor = 0.9999f;
std::atomic<float> g_sink;  // so that no loop is left out

float multiply_add(const char*, int64_t, int64_t rounds) {
  using Vec = float __attribute__((vector_size(16)));
  Vec sums[kSums], x = Vec{1, 1, 1, 1} * g_factor, y = x * g_factor;
  for (auto& sum : sums) sum = x * g_factor;
  for (int64_t i = 0; i < rounds; i++)
    for (auto& sum : sums) sum = sum * x + y;
  Vec all = {};
  for (auto& sum : sums) all += sum;
  return all[0];
}

float read_words(const char* memory, int64_t bytes, int64_t rounds) {
  using Vec = int64_t __attribute__((vector_size(16)));
  Vec sums[4] = {};
  for (int64_t i = 0; i < rounds; i++)
    for (const char* p = memory; p < memory + bytes; p += sizeof(sums))
      for (int j = 0; j < 4; j++) sums[j] ^= *reinterpret_cast<const Vec*>(p + j * sizeof(Vec));
  return static_cast<float>((sums[0] ^ sums[1] ^ sums[2] ^ sums[3])[0]);
}

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
float fma_avx2(const char*, int64_t, int64_t rounds) {
  __m256 sums[kSums], x = _mm256_set1_ps(g_factor), y = _mm256_set1_ps(g_factor);
  for (auto& sum : sums) sum = _mm256_set1_ps(g_factor);
  for (int64_t i = 0; i < rounds; i++)
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, x, y);
  for (int j = 1; j < kSums; j++) sums[0] = _mm256_add_ps(sums[0], sums[j]);
  return _mm256_cvtss_f32(sums[0]);
}

float read_avx2(const char* memory, int64_t bytes, int64_t rounds) {
  __m256i sums[8] = {};
  for (int64_t i = 0; i < rounds; i++)
    for (const char* p = memory; p < memory + bytes; p += sizeof(sums))
      for (int j = 0; j < 8; j++)
        sums[j] = _mm256_xor_si256(sums[j], _mm256_load_si256(reinterpret_cast<const __m256i*>(p) + j));
  for (int j = 1; j < 8; j++) sums[0] = _mm256_xor_si256(sums[0], sums[j]);
  return static_cast<float>(_mm256_extract_epi32(sums[0], 0));
}
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")
float fma_avx512(const char*, int64_t, int64_t rounds) {
  __m512 sums[kWideSums], x = _mm512_set1_ps(g_factor), y = _mm512_set1_ps(g_factor);
  for (auto& sum : sums) sum = _mm512_set1_ps(g_factor);
  for (int64_t i = 0; i < rounds; i++)
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, x, y);
  for (int j = 1; j < kWideSums; j++) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}

float read_avx512(const char* memory, int64_t bytes, int64_t rounds) {
  __m512i sums[8] = {};
  for (int64_t i = 0; i < rounds; i++)
    for (const char* p = memory; p < memory + bytes; p += sizeof(sums))
      for (int j = 0; j < 8; j++)
        sums[j] = _mm512_xor_si512(sums[j], _mm512_load_si512(reinterpret_cast<const __m512i*>(p) + j));
  for (int j = 1; j < 8; j++) sums[0] = _mm512_xor_si512(sums[0], sums[j]);
  return static_cast<float>(_mm512_reduce_add_epi32(sums[0]));
}
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
float dot_bf16(const char*, int64_t, int64_t rounds) {
  __m512 sums[kWideSums], x = _mm512_set1_ps(g_factor);
  for (auto& sum : sums) sum = _mm512_set1_ps(g_factor);
  __m512bh pairs = _mm512_cvtne2ps_pbh(x, x);
  for (int64_t i = 0; i < rounds; i++)
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, pairs, pairs);
  for (int j = 1; j < kWideSums; j++) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
float dot_int8(const char*, int64_t, int64_t rounds) {
  // Reads g_factor for each sum, as above, so that no two are taken for one.
  __m512i sums[kWideSums], x = _mm512_castps_si512(_mm512_set1_ps(g_factor));
  for (auto& sum : sums) sum = _mm512_castps_si512(_mm512_set1_ps(g_factor));
  for (int64_t i = 0; i < rounds; i++)
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, x, x);
  for (int j = 1; j < kWideSums; j++) sums[0] = _mm512_add_epi32(sums[0], sums[j]);
  return static_cast<float>(_mm512_reduce_add_epi32(sums[0]));
}
#pragma GCC pop_options
#endif

/// A loop with the operations (or bytes) of one round on one thread.
struct Work {
  Cpu needs;
  Loop run;
  double per_round;
  int64_t bytes;
};

/// A thread's part of what lies in a cache: half of it, so that nothing else drives it out.
int64_t half_of(int name, int64_t otherwise) {
  int64_t size = sysconf(name);
  return (size > 0 ? size : otherwise) / 2;
}

Work reading(int64_t bytes) {
  Loop loop = read_words;
#if defined(__x86_64__)
  if (supports(Cpu::kAvx2)) loop = read_avx2;
  if (supports(Cpu::kAvx512)) loop = read_avx512;
#endif
  bytes = std::max<int64_t>(4096, bytes / 4096 * 4096);
  return {Cpu::kAny, loop, static_cast<double>(bytes), bytes};
}

Work work_of(int kind, int threads) {
  switch (kind) {
    case SRMK_PROBE_FMA_SCALAR: return {Cpu::kAny, multiply_add, 2.0 * 4 * kSums, 0};
#if defined(__x86_64__)
    case SRMK_PROBE_FMA_AVX2: return {Cpu::kAvx2, fma_avx2, 2.0 * 8 * kSums, 0};
    case SRMK_PROBE_FMA_AVX512: return {Cpu::kAvx512, fma_avx512, 2.0 * 16 * kWideSums, 0};
    case SRMK_PROBE_DOT_I8: return {Cpu::kAvx512Vnni, dot_int8, 8.0 * 16 * kWideSums, 0};
    case SRMK_PROBE_DOT_BF16: return {Cpu::kAvx512Bf16, dot_bf16, 4.0 * 16 * kWideSums, 0};
#endif
    case SRMK_PROBE_READ_L1: return reading(half_of(_SC_LEVEL1_DCACHE_SIZE, 32 << 10));
    case SRMK_PROBE_READ_L2: return reading(half_of(_SC_LEVEL2_CACHE_SIZE, 1 << 20));
    // Four times the second cache: well beyond it, and within even the share of the third that a virtual machine has.
    case SRMK_PROBE_READ_L3: return reading(8 * half_of(_SC_LEVEL2_CACHE_SIZE, 1 << 20));
    case SRMK_PROBE_READ_DRAM: {
      const int64_t l3 = half_of(_SC_LEVEL3_CACHE_SIZE, 32 << 20);
      return reading(std::clamp<int64_t>(8 * l3 / threads, 64 << 20, 128 << 20));
    }
    default: throw Error(SRMK_UNSUPPORTED, "this processor has no such instructions");
  }
}

}  // namespace

double probe(srmk_backend& backend, int kind, double seconds) {
  using Clock = std::chrono::steady_clock;
  const int threads = backend.pool.threads();
  const Work work = work_of(kind, threads);
  if (!supports(work.needs)) throw Error(SRMK_UNSUPPORTED, "this processor has no such instructions");
  Scratch memory;
  char* bytes = memory.get<char>(std::max<int64_t>(1, work.bytes * threads));
  // Pages that nobody wrote are all the same one.
  std::fill(bytes, bytes + work.bytes * threads, 1);

  auto timed = [&](int64_t rounds) {
    auto start = Clock::now();
    backend.pool.run(threads, [&](int64_t task, int) {
      g_sink.store(work.run(bytes + task * work.bytes, work.bytes, rounds), std::memory_order_relaxed);
    });
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  // Runs grow until one is long beside the start of the threads. A busy machine lengthens some of them: hence several.
  constexpr double kLong = 0.004, kStart = 64e6;
  constexpr int kAtLeast = 5;
  double best = 0, spent = 0;
  auto rounds = static_cast<int64_t>(std::max(1.0, kStart / work.per_round));
  for (int run = 0; run < kAtLeast || spent < seconds; run++) {
    double took = timed(rounds);
    best = std::max(best, threads * work.per_round * static_cast<double>(rounds) / took);
    if (took < kLong) rounds *= 2;
    spent += took;
  }
  return best;
}

}  // namespace srm
