// What bench/compare lays side by side: cases of bench/cases and of bench/peer/torchPeer.py.

export const COMPARED = [
  "matmul-512",
  "matmul-1024",
  "matmul-t5-small-ffn",
  "matmul-opt-1.3b-ffn",
  "matmul-t5-small-lm-head",
  "matvec-opt-1.3b-ffn",
  "t5-small-lora-step",
  "t5-small-lora-masked-step",
  "t5-small-full-step",
  "opt-125m-lora-step",
  "opt-125m-lora-masked-step",
  "t5-small-generate",
  "opt-125m-generate",
  "opt-125m-generate-short",
] as const;
/** Ours keeps the frozen matrix in bf16 here; the peer has no faster way than f32 on a CPU. */
export const OURS: Readonly<Record<string, string>> = { "matvec-opt-1.3b-ffn": "matvec-opt-1.3b-ffn-bf16" };
