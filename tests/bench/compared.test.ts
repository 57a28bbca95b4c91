// bench/compare lays cases side by side by their names: each must be one of ours and one of the peer's, and both must do the same work.
import { readFileSync } from "node:fs";
import { softwareFacts } from "@attune/kernels-wgsl";
import { Device, nullBackend } from "@attune/tensor";
import type { NodeDevice } from "@attune/tensor/node";
import { describe, expect, it } from "vitest";
import { caseMakers } from "../../bench/cases/all.js";
import { COMPARED, OURS } from "../../bench/compared.js";

const peer = readFileSync(new URL("../../bench/peer/torchPeer.py", import.meta.url), "utf8");
const paper = () => new Device(nullBackend(softwareFacts)) as NodeDevice; // cases are made when they run

describe("compared cases", () => {
  it("are ours, by name", () => {
    const ours = new Set(caseMakers(paper()).map(({ name }) => name));
    expect(COMPARED.map((name) => OURS[name] ?? name).filter((name) => !ours.has(name))).toEqual([]);
    expect(Object.keys(OURS).filter((name) => !COMPARED.some((one) => one === name))).toEqual([]);
  });

  it("are the peer's: named in it, or a step of one of its models by a method that it reads", () => {
    const models = [.../^MODELS = \{(.*)\}$/m.exec(peer)![1]!.matchAll(/"([^"]+)":/g)].map(([, name]) => name!);
    const isStep = (name: string): boolean =>
      models.some((model) => new RegExp(`^${model}-(full|lora|lora-masked)-step$`).test(name));
    expect(models).toEqual(["t5-small", "opt-125m"]);
    expect(COMPARED.filter((name) => !isStep(name) && !peer.includes(`"${name}": `))).toEqual([]);
  });

  it("with ignored labels skip the vocabulary's products for them, on both models", () => {
    const stepFlops = (name: string): number => {
      const one = caseMakers(paper())
        .find((maker) => maker.name === name)!
        .make();
      return one.flops;
    };
    expect(COMPARED.filter((name) => name.includes("masked"))).toEqual([
      "t5-small-lora-masked-step",
      "opt-125m-lora-masked-step",
    ]);
    expect(peer).toContain('[:, : inputs["labels"].shape[1] * 7 // 8] = -100'); // as METHODS of bench/cases/steps.ts
    const [rows, target, width, vocabulary] = [8, 64, 512, 32_128];
    const saved = stepFlops("t5-small-lora-step") - stepFlops("t5-small-lora-masked-step");
    // forward and dx of seven eighths of the rows; the head is frozen. Chunks of rows, and the loss itself, differ a little
    expect(saved / (4 * (7 / 8) * rows * target * width * vocabulary)).toBeCloseTo(1, 1);
  });
});
