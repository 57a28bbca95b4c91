import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { type Dims, opCases, runCase, runExtremes } from "../testing/index.js";

/** Shapes drawn for each op; the long mode draws as many as a kernel developer would before trusting a kernel. */
const RUNS = process.env.ATTUNE_LONG ? 200 : 6;

describe("every op through the one harness", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  for (const opCase of opCases) {
    it(opCase.name, async () => {
      for (const { why, ...dims } of opCase.edges) {
        const { failures } = await runCase(device, opCase, { dims: dims as Dims, seed: 1 });
        expect(failures, `${JSON.stringify(dims)}: ${why}`).toEqual([]);
      }
      const sizes = Object.fromEntries(Object.entries(opCase.dims).map(([name, [min, max]]) => [name, fc.integer({ min, max })]));
      await fc.assert(
        fc.asyncProperty(fc.record(sizes), fc.nat(), async (dims, seed) => {
          const { failures } = await runCase(device, opCase, { dims, seed });
          expect(failures).toEqual([]);
        }),
        { numRuns: RUNS, seed: 20261122 }, // the same shapes every time; the long mode finds the rare ones
      );
      if (opCase.checksExtremes) {
        const { why: _, ...dims } = opCase.edges[0]!;
        expect(await runExtremes(device, opCase, dims as Dims)).toEqual([]);
      }
    });
  }
});
