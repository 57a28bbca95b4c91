import { describe, expect, it } from "vitest";
import { f32ToBf16 } from "../halves.js";
import { openModelFolder } from "../modelFolder.js";
import { bytesOf, writeSafetensors } from "../safetensors.js";
import { memoryFiles } from "../source.js";
import { T5_DEFAULTS, t5ConfigJson } from "../t5/config.js";
import { initT5, t5Weights } from "../t5/weights.js";
import { openAdapter, sampleBase } from "./adapterBase.js";
import { LORA_DEFAULTS } from "./adapterConfig.js";
import { writeAdapter } from "./adapterFiles.js";
import { linearModules, matchTargets } from "./targets.js";

const tiny = { ...T5_DEFAULTS, vocabSize: 16, dModel: 8, dKv: 4, dFf: 12, numLayers: 1, numDecoderLayers: 1, numHeads: 2 };

function baseOf(seed: number, dtype: "F32" | "BF16" = "F32") {
  const tensors = [...initT5(tiny, seed)].map(({ values, ...weight }) => ({
    ...weight,
    dtype,
    bytes: bytesOf(dtype === "F32" ? values : f32ToBf16(values)),
  }));
  return openModelFolder(memoryFiles({ "config.json": t5ConfigJson(tiny), "model.safetensors": writeSafetensors(tensors) }));
}

describe("31: an adapter's base", () => {
  const modules = matchTargets(["q", "v"], linearModules(t5Weights(tiny)));
  const config = { ...LORA_DEFAULTS, rank: 2, targetModules: ["q", "v"], baseModel: "bases/one" };
  const filesOf = async (seen: number | null) => {
    const zeros = (count: number) => new Float32Array(count);
    const adapter = {
      config,
      modules: modules.map(({ path, inFeatures, outFeatures }) => {
        return { path, rank: 2, scale: 1, a: zeros(2 * inFeatures), b: zeros(2 * outFeatures) };
      }),
      own: [],
    };
    const paths = modules.map(({ path }) => path);
    return memoryFiles(writeAdapter(seen === null ? adapter : { ...adapter, base: await sampleBase(await baseOf(seen), paths) }));
  };

  it("is the one whose values it has seen, in whatever type they are stored", async () => {
    const adapter = await openAdapter(await filesOf(1), await baseOf(1));
    expect(Object.keys(adapter.base!)).toEqual([`${modules[0]!.path}.weight`, `${modules.at(-1)!.path}.weight`]);
    expect((await openAdapter(await filesOf(1), await baseOf(1, "BF16"))).modules).toHaveLength(modules.length);
  });

  it("is refused where it has the same shapes and other values", async () => {
    await expect(openAdapter(await filesOf(1), await baseOf(2))).rejects.toThrow(
      /is an adapter of another base \("bases\/one"\): encoder.*q\.weight began with .*; name the base it was trained beside$/,
    );
  });

  it("is not known of adapters that have seen none", async () => {
    expect((await openAdapter(await filesOf(null), await baseOf(2))).base).toBeUndefined();
  });
});
