"""The products and attentions of `sparserm kernels bench` by PyTorch, in bf16, with the second-level cache emptied before each call: one JSON line each."""

import json
import statistics

import torch

ROUNDS = 30
PRODUCTS = {
    "gemma2_9b_q_4096tok": (4096, 3584, 4096),
    "gemma2_9b_kv_4096tok": (4096, 3584, 4096),
    "gemma2_9b_o_4096tok": (4096, 4096, 3584),
    "gemma2_9b_mlp_up_4096tok": (4096, 3584, 14336),
    "gemma2_9b_mlp_down_4096tok": (4096, 14336, 3584),
}
ATTENTIONS = {"gemma2_9b_attention_no_softcap_8x512tok": (8, 16, 8, 512, 256)}


def milliseconds(call):
    """The median time of a call between two events of the device."""
    other = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")
    call()
    times = []
    for _ in range(ROUNDS):
        other.zero_()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def show(shape, call, flops):
    time = milliseconds(call)
    print(json.dumps({"shape": shape, "p50_ms": time, "gflops": flops / time / 1e6, "torch": torch.__version__, "device": torch.cuda.get_device_name()}), flush=True)


def main():
    def numbers(*shape):
        return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)

    for shape, (rows, inputs, outputs) in PRODUCTS.items():
        x, w = numbers(rows, inputs), numbers(outputs, inputs)
        show(shape, lambda x=x, w=w: torch.nn.functional.linear(x, w), 2 * rows * inputs * outputs)
    for shape, (batch, heads, kv_heads, length, d_head) in ATTENTIONS.items():
        q, k, v = (numbers(batch, n, length, d_head) for n in (heads, kv_heads, kv_heads))
        k, v = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
        show(
            shape,
            lambda q=q, k=k, v=v: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
            4 * batch * heads * d_head * length * (length + 1) // 2,
        )


if __name__ == "__main__":
    main()
