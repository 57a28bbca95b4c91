// Choices among logits that are not numbers: as torch.argmax and torch.topk have them, whatever the bits of a NaN are.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { ProgramState } from "../programState.js";
import { persistent, tensor } from "../tensor.js";
import { chooseGreedy, topK } from "./decode.js";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const WITH_SIGN = 0xffc00001; // NaN, as x86 makes them
const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
const words = (rows: readonly (readonly number[])[]): Float32Array => new Float32Array(Uint32Array.from(rows.flat()).buffer);
const LOGITS = [
  [1, 2, Number.POSITIVE_INFINITY, 0].map(bits),
  [bits(1), bits(Number.POSITIVE_INFINITY), WITH_SIGN, bits(Number.NaN)],
  [WITH_SIGN, WITH_SIGN, WITH_SIGN, WITH_SIGN],
  [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, -3e38, Number.NEGATIVE_INFINITY].map(bits),
  Array.from({ length: 4 }, () => bits(Number.NEGATIVE_INFINITY)),
];

describe("NaN is the largest, and the lowest id wins a tie", () => {
  it("in greedy choice: a row of NaN, or of minus infinity, gives 0", async () => {
    const rows = LOGITS.length;
    const i32 = (shape: number[]) => persistent(device, shape, { dtype: "i32" });
    const greedy = { next: i32([rows]), tokens: i32([rows, 3]), finished: i32([rows]) };
    const state = new ProgramState(device);
    device.scope(() => chooseGreedy(tensor(device, words(LOGITS), [rows, 4]), greedy, { eos: null, pad: 9, state }));
    expect([...(await greedy.next.toArray())]).toEqual([2, 2, 0, 2, 0]);
    for (const held of [...Object.values(greedy), state]) held.dispose();
  });

  it("in topK", async () => {
    const { values, ids } = device.scope(() => topK(tensor(device, words(LOGITS), [5, 4]), 3));
    expect([...(await ids.toArray())]).toEqual(
      [
        [2, 1, 0],
        [2, 3, 1],
        [0, 1, 2],
        [2, 0, 1],
        [0, 1, 2],
      ].flat(),
    );
    expect([...(await values.toArray())].slice(0, 6)).toEqual([
      Number.POSITIVE_INFINITY, 2, 1, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY,
    ]); // biome-ignore format: by row
  });

  it("with a k that can be had", () => {
    const x = tensor(device, new Float32Array(200), [2, 100]);
    expect(() => topK(x, 65)).toThrow("topK: k must be a whole number from 1 to 64 for x [2, 100], got 65");
    expect(() => topK(tensor(device, [1, 2], [2]), 3)).toThrow("from 1 to 2 for x [2], got 3");
  });
});
