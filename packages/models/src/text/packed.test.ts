import { expect, it } from "vitest";
import { optPositions, shiftLeft } from "../opt/opt.js";
import { causalExample, promptCompletion } from "./causalLm.js";
import { collatePacked, packExamples } from "./packed.js";

it("packs examples as segments whose first labels do not count", () => {
  const text = causalExample("a", [2, 10, 11, 2]);
  const asked = promptCompletion("b", [2, 20], [21], 2, 8);
  const row = packExamples([text, asked]);
  expect(row).toEqual({
    id: "a + b",
    ids: ["a", "b"],
    inputIds: [2, 10, 11, 2, 2, 20, 21, 2],
    labels: [-100, 10, 11, 2, -100, -100, 21, 2],
    segments: [0, 0, 0, 0, 1, 1, 1, 1],
    isSourceCut: false,
    isTargetCut: false,
  });
  const batch = collatePacked([row, packExamples([asked])], { rows: 3, length: 9 }, 1);
  expect([...batch.segments!]).toEqual([
    ...[0, 0, 0, 0, 1, 1, 1, 1, -1],
    ...[0, 0, 0, 0, -1, -1, -1, -1, -1],
    ...new Array<number>(9).fill(-1),
  ]);
  expect(batch).toMatchObject({ rows: 3, source: 9, target: 9, realRows: 2, targetTokens: 7 });
  // what the model learns is what is counted
  expect([...shiftLeft(batch.labels, 9, batch.segments)].filter((label) => label >= 0)).toEqual([10, 11, 2, 21, 2, 21, 2]);
  expect([...optPositions(batch.attentionMask, 9, batch.segments)].slice(0, 9)).toEqual([2, 3, 4, 5, 2, 3, 4, 5, 1]);
});
