// The emulated fragments against plain products, element by element from the tables of the PTX ISA ("Matrix Fragments
// for mma.m16n8k16", "ldmatrix"), which are written out here a second time as the ISA gives them: by lane and register.
#include "srm_cuda/tensor_core.cuh"

using namespace srm;

namespace {

// Small integers, so that sums are exact in any order.
float a_at(int row, int k) { return static_cast<float>((row * 5 + k * 3) % 11 - 5); }
float b_at(int k, int column) { return static_cast<float>((k * 7 + column * 2) % 13 - 6); }
u32 pair(float low, float high) { return to_bf16(low).bits | u32{to_bf16(high).bits} << 16; }

// Each lane says in results[lane] whether all its elements are right.
void check_mma(int* results) {
  const int group = lane() >> 2, in_group = lane() % 4;
  u32 a[4], b[2];
  for (int i = 0; i < 8; i += 2) {
    // a_i: row = groupID for i in 0, 1, 4, 5, else groupID + 8; column = 2 threadID_in_group + (i & 1), + 8 for i >= 4.
    const int row = i == 0 || i == 4 ? group : group + 8, k = in_group * 2 + (i >= 4 ? 8 : 0);
    a[i / 2] = pair(a_at(row, k), a_at(row, k + 1));
  }
  for (int i = 0; i < 4; i += 2) {
    // b_i: row = 2 threadID_in_group + (i & 1), + 8 for i >= 2; column = groupID.
    const int k = in_group * 2 + (i >= 2 ? 8 : 0);
    b[i / 2] = pair(b_at(k, group), b_at(k + 1, group));
  }
  float c[4] = {1, 2, 3, 4};
  mma_m16n8k16(c, a, b);
  bool right = true;
  for (int i = 0; i < 4; i++) {
    // c_i: row = groupID for i in 0, 1, else groupID + 8; column = 2 threadID_in_group + (i & 1).
    const int row = i < 2 ? group : group + 8, column = in_group * 2 + (i & 1);
    float sum = static_cast<float>(i + 1);
    for (int k = 0; k < 16; k++) sum += a_at(row, k) * b_at(k, column);
    right = right && c[i] == sum;
  }
  results[lane()] = right;
}

// Matrices of 8 x 8 whose element (matrix, row, column) is its number.
void check_ldmatrix(int* results) {
  SRM_DYNAMIC_SHARED(u16, elements);
  for (int i = 0; i < 8; i++) elements[lane() * 8 + i] = static_cast<u16>(lane() * 8 + i);
  sync_block();
  u32 plain[4], transposed[4];
  // Threads 0-7 give the rows of matrix 0, 8-15 those of matrix 1, and so on.
  const SharedAddress row = shared_address(elements + lane() * 8);
  ldmatrix_x4(plain, row);
  ldmatrix_x4_trans(transposed, row);
  bool right = true;
  for (u32 matrix = 0; matrix < 4; matrix++) {
    // Thread t holds elements 2 (t % 4) and + 1 of row t / 4; transposed, of column t / 4.
    const u32 major = static_cast<u32>(lane()) / 4, minor = static_cast<u32>(lane()) % 4 * 2;
    auto number = [&](u32 row, u32 column) { return matrix * 64 + row * 8 + column; };
    right = right && plain[matrix] == (number(major, minor) | number(major, minor + 1) << 16);
    right = right && transposed[matrix] == (number(minor, major) | number(minor + 1, major) << 16);
  }
  results[lane()] = right;
}

// Copies arrive when they are waited for and not before; bytes that are not read are zeros.
void check_cp_async(int* results) {
  SRM_DYNAMIC_SHARED(unsigned char, shared);
  alignas(16) unsigned char source[16];
  for (int i = 0; i < 16; i++) source[i] = static_cast<unsigned char>(i + 1);
  unsigned char* first = shared + lane() * 32;
  unsigned char* second = first + 16;
  for (int i = 0; i < 32; i++) first[i] = 99;
  cp_async_16(shared_address(first), source, 6);
  cp_async_commit();
  cp_async_16(shared_address(second), source, 16);
  cp_async_commit();
  bool right = first[0] == 99;
  cp_async_wait<1>();
  right = right && first[0] == 1 && first[5] == 6 && first[6] == 0 && first[15] == 0 && second[0] == 99;
  cp_async_wait<0>();
  results[lane()] = right && second[15] == 16;
}

void check_misaligned(int* results) {
  SRM_DYNAMIC_SHARED(unsigned char, shared);
  u32 r[4];
  ldmatrix_x4(r, shared_address(shared + 8));
  results[lane()] = 0;
}

const char* run(emu::Kernel kernel, int (&results)[32]) {
  int* pointer = results;
  void* values[] = {&pointer};
  return emu::run_grid(kernel, {1, 1, 1}, {32, 1, 1}, 1024, values);
}

}  // namespace

// A sentence about the first thing that is wrong, or null.
extern "C" __attribute__((visibility("default"))) const char* srm_check_tensor_core() {
  int results[32] = {};
  const emu::Kernel checks[] = {emu::describe<check_mma>("mma_m16n8k16 differs from the product", check_mma),
                                emu::describe<check_ldmatrix>("ldmatrix gives other elements", check_ldmatrix),
                                emu::describe<check_cp_async>("cp.async copies at the wrong time", check_cp_async)};
  for (const emu::Kernel& check : checks) {
    if (const char* problem = run(check, results)) return problem;
    for (int right : results)
      if (!right) return check.name;
  }
  const char* said = run(emu::describe<check_misaligned>("", check_misaligned), results);
  if (said == nullptr || std::strstr(said, "16 bytes") == nullptr) return "a misaligned ldmatrix is not refused";
  return nullptr;
}
