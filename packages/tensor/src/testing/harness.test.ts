// The harness itself: what it must not let through.
import { afterAll, beforeAll, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { persistent } from "../tensor.js";
import { runCase } from "./harness.js";
import { opCases } from "./index.js";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

it("finds an op that leaks, and only that", async () => {
  const sound = opCases.find(({ name }) => name === "rmsNorm")!;
  const options = { dims: { rows: 3, cols: 27 }, seed: 1 };
  expect((await runCase(device, sound, options)).failures).toEqual([]);
  const leaky: typeof sound = {
    ...sound,
    run(...given) {
      persistent(device, [64], { label: "leak" });
      return sound.run(...given);
    },
  };
  expect((await runCase(device, leaky, options)).failures).toEqual(["512 bytes are still allocated after the run"]);
});
