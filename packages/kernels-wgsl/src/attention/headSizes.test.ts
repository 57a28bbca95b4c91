// Heads of 16 to 128 share their texts: a tile holds scores alone, and walks the head a vec4 at a time.
import { expect, it } from "vitest";
import { type DeviceFacts, softwareFacts } from "../facts.js";
import { planAttention, planAttentionPart } from "./plan.js";

const gpu: DeviceFacts = { ...softwareFacts, isSoftware: false, subgroupSize: 32 };
const wants = { q: true, k: true, v: true, bias: true };
const sizes = (dKv: number) => ({
  batch: 2, heads: 4, queries: 100, keys: 90, dKv, scale: 1, bias: { buckets: 32, offset: 100, distances: 191 },
}); // biome-ignore format: few lines

it.each([gpu, softwareFacts])("one tile for every head size ($adapter.device, software: $isSoftware)", (facts) => {
  for (const dKv of [16, 64, 80, 128]) {
    const calls = (size: number) => [
      planAttention(sizes(size), facts),
      planAttentionPart("queries", sizes(size), wants, facts),
      planAttentionPart("keys", sizes(size), wants, facts),
    ];
    calls(dKv).forEach((call, i) => {
      const of64 = calls(64)[i]!;
      expect(call.kernel).toBe(of64.kernel);
      expect(call.workgroups).toEqual(of64.workgroups);
      expect(call.flops / dKv).toBeCloseTo(of64.flops / 64);
      const memory = [...call.kernel.code.matchAll(/var<workgroup> \w+: array<f32, (\d+)>/g)].map(
        ([, words]) => 4 * Number(words),
      );
      expect(memory.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(16_384); // WebGPU's least
    });
  }
});
