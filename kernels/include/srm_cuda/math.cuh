// Conversions and functions in f32 that give the same bits on every device and in the emulation: only operations that
// IEEE 754 rounds exactly, fused where fma_ says so (files are compiled with -ffp-contract=off).
#pragma once
#include "srm_cuda/platform.cuh"

namespace srm {

#if defined(__NVCC__)
SRM_DEVICE float fma_(float a, float b, float c) { return fmaf(a, b, c); }
SRM_DEVICE double fma_(double a, double b, double c) { return fma(a, b, c); }
SRM_DEVICE float sqrt_(float x) { return sqrtf(x); }
SRM_DEVICE float nearest_integer(float x) { return rintf(x); }
SRM_DEVICE u32 bits_of(float x) { return __float_as_uint(x); }
SRM_DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
#else
SRM_DEVICE float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SRM_DEVICE double fma_(double a, double b, double c) { return __builtin_fma(a, b, c); }
SRM_DEVICE float sqrt_(float x) { return __builtin_sqrtf(x); }
SRM_DEVICE float nearest_integer(float x) { return __builtin_rintf(x); }
SRM_DEVICE u32 bits_of(float x) { return __builtin_bit_cast(u32, x); }
SRM_DEVICE float from_bits(u32 bits) { return __builtin_bit_cast(float, bits); }
#endif

template <typename T>
SRM_DEVICE T min_(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
SRM_DEVICE T max_(T a, T b) {
  return a < b ? b : a;
}
SRM_DEVICE float abs_(float x) { return from_bits(bits_of(x) & 0x7fffffffu); }
SRM_DEVICE float with_sign_of(float size, float x) { return from_bits(bits_of(size) | (bits_of(x) & 0x80000000u)); }

SRM_DEVICE float to_float(float x) { return x; }
SRM_DEVICE float to_float(bf16 x) { return from_bits(static_cast<u32>(x.bits) << 16); }
// Exact: subnormal halves by a multiplication that cannot round.
SRM_DEVICE float to_float(f16 x) {
  u32 sign = (x.bits & 0x8000u) << 16, rest = x.bits & 0x7fffu;
  if (rest >= 0x7c00u) return from_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  return from_bits(sign | bits_of(from_bits(rest << 13) * 5.192296858534828e33f));  // 2^112
}

// To nearest, ties to even; a NaN stays a quiet NaN.
SRM_DEVICE bf16 to_bf16(float x) {
  u32 bits = bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<u16>(bits >> 16 | 0x40u)};
  return {static_cast<u16>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

// A float as an element of T.
template <typename T>
SRM_DEVICE T rounded(float x);
template <>
SRM_DEVICE float rounded<float>(float x) {
  return x;
}
template <>
SRM_DEVICE bf16 rounded<bf16>(float x) {
  return to_bf16(x);
}

// e^x within 2 ulp for x in [-87.33, 88.37]; 0 below (also for -inf), e^88.37 above.
// x = n ln 2 + r with |r| <= ln2 / 2; ln 2 in two parts (Cephes); a polynomial of degree 6 in r.
SRM_DEVICE float exp_(float x) {
  if (x < -87.33f) return 0.0f;
  float bounded = min_(88.37f, x);
  float n = nearest_integer(bounded * 1.44269504088896341f);
  float r = fma_(n, -0.693359375f, bounded);
  r = fma_(n, 2.12194440e-4f, r);
  float p = fma_(1.9875691500e-4f, r, 1.3981999507e-3f);
  p = fma_(p, r, 8.3334519073e-3f);
  p = fma_(p, r, 4.1665795894e-2f);
  p = fma_(p, r, 1.6666665459e-1f);
  p = fma_(p, r, 5.0000001201e-1f);
  p = fma_(p, r * r, r) + 1.0f;
  // n lies in [-126, 127], so 2^n is a normal float.
  return p * from_bits(static_cast<u32>(static_cast<int>(n) + 127) << 23);
}

// tanh(x) within 4 ulp. Below 0.625 Cephes' odd polynomial, above 1 - 2 / (e^2x + 1).
SRM_DEVICE float tanh_(float x) {
  float size = abs_(x);
  if (size < 0.625f) {
    float square = x * x;
    float p = fma_(-5.70498872745e-3f, square, 2.06390887954e-2f);
    p = fma_(p, square, -5.37397155531e-2f);
    p = fma_(p, square, 1.33314422036e-1f);
    p = fma_(p, square, -3.33332819422e-1f);
    return with_sign_of(fma_(p * square, size, size), x);
  }
  return with_sign_of(1.0f - 2.0f / (exp_(size + size) + 1.0f), x);
}

// erf(x) within 8 ulp: an odd over an even polynomial on [-4, 4], beyond which erf is 1 in f32. Coefficients as in
// Eigen's generic_fast_erf.
SRM_DEVICE float erf_(float x) {
  float bounded = min_(4.0f, max_(-4.0f, x));
  float square = bounded * bounded;
  float p = fma_(-2.72614225801306e-10f, square, 2.77068142495902e-08f);
  p = fma_(p, square, -2.10102402082508e-06f);
  p = fma_(p, square, -5.69250639462346e-05f);
  p = fma_(p, square, -7.34990630326855e-04f);
  p = fma_(p, square, -2.95459980854025e-03f);
  p = fma_(p, square, -1.60960333262415e-02f);
  float q = fma_(-1.45660718464996e-05f, square, -2.13374055278905e-04f);
  q = fma_(q, square, -1.68282697438203e-03f);
  q = fma_(q, square, -7.37332916720468e-03f);
  q = fma_(q, square, -1.42647390514189e-02f);
  return bounded * p / q;
}

// The non-linearity on the gate of an MLP, numbered as SparseRM.Backends.GatedActivationKind.
inline constexpr int kSilu = 0, kGeluTanh = 1, kGeluErf = 2;
SRM_DEVICE float activated(int kind, float gate) {
  if (kind == kSilu) return gate / (1.0f + exp_(-gate));
  if (kind == kGeluTanh)
    return 0.5f * gate * (1.0f + tanh_(0.7978845608028654f * fma_(0.044715f * gate * gate, gate, gate)));
  return 0.5f * gate * (1.0f + erf_(gate * 0.70710678118654752f));
}

}  // namespace srm
