// Adapters merged into their base, and several beside one base.
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type Adapter,
  Adapters,
  mergedFolder,
  mergeModule,
  openModelFolder,
  readAdapter,
  sumAdapters,
  type T5,
  weightsOf,
} from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mergeModel, openMerge } from "../../apps/cli/src/recipes/merge.js";
import { attune } from "../cli/attune.js";
import { forwardCase, largestDifference, linearsOf, loadModel, logitsOf } from "./models.js";
import { GATED, OPT_RECORDS, RELU } from "./records.js";

let device: NodeDevice;
let out: string;
beforeAll(async () => {
  device = await openDevice();
  out = await mkdtemp(path.join(tmpdir(), "attune-merge-"));
});
afterAll(async () => {
  device.destroy();
  await rm(out, { recursive: true });
});

const [OPT_PRE] = OPT_RECORDS;
const adapterOf = async (name: string, variant = "final"): Promise<Adapter> => {
  const folder = await openModelFolder(diskFiles(GATED.folder));
  const specs = weightsOf(folder);
  return readAdapter(diskFiles(`${GATED.folder}/lora/${name}/${variant}`), await linearsOf(GATED.folder), specs);
};

describe("a merged model", () => {
  it.for(["patterns", "dora", "saved"])("with the adapter %s computes what the adapter does, and reads back", async (name) => {
    const opened = await openMerge(GATED.folder, `${GATED.folder}/lora/${name}/final`, path.join(out, name));
    const { inMemory, written, merged, replaced } = await mergeModel(device, opened, path.join(out, name), {});
    expect(inMemory.error).toBeLessThan(2e-6);
    expect(written).toMatchObject({ dtype: "f32", error: inMemory.error });
    expect([merged, replaced]).toEqual([opened.adapter.modules.length, opened.adapter.own.length]);
    expect((await openModelFolder(diskFiles(path.join(out, name)))).config).toEqual(opened.folder.config);
  });

  it("is not written where it computes something else", async () => {
    const to = path.join(out, "wrong");
    const opened = await openMerge(GATED.folder, `${GATED.folder}/lora/dora/final`, to);
    const other = await adapterOf("dora");
    other.modules[0]!.magnitude![0]! *= 1.05;
    const broken = { ...opened, merged: mergedFolder(opened.folder, other) };
    await expect(mergeModel(device, broken, to, {})).rejects.toMatchObject({
      exitClass: "numerics",
      message: expect.stringMatching(
        /self-check: logits of the merged weights differ .* by \d.*more than 1e-4; nothing was written/,
      ),
    });
    expect(existsSync(to)).toBe(false);
  });

  it("unties a tied T5's head where the adapter has a copy of it; OPT's cannot be", async () => {
    const folder = await openModelFolder(diskFiles(RELU.folder));
    const values = new Float32Array(99 * 32).fill(0.5);
    const head = { name: "lm_head.weight", shape: [99, 32], kind: "linear" as const, source: "shared.weight", keys: [], values };
    const adapter = { ...(await adapterOf("default")), modules: [], own: [head] };
    const merged = mergedFolder(folder, adapter);
    expect(merged.config).toEqual({ ...folder.config, tieWordEmbeddings: false });
    expect(await merged.checkpoint.read("lm_head.weight", { begin: 1, end: 3 })).toMatchObject({ dtype: "F32", shape: [2] });
    await expect(openMerge(OPT_PRE!.folder, `${OPT_PRE!.folder}/lora/saved/final`, path.join(out, "x"))).rejects.toMatchObject({
      exitClass: "data",
    });
  });

  it("comes from the command, which says how well it was checked; other bases are refused in one line", async () => {
    const to = path.join(out, "command");
    const ran = await attune(["merge", OPT_PRE!.name, `${OPT_PRE!.name}/lora/dora/final`, to, "--dtype", "bf16"]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(
      /4 weights merged, 4 replaced; 36 tensors, .*\n.*merged in f32 \d\.\de-7 \(bound 1e-4\), as written in bf16 /,
    );
    const again = await attune(["merge", OPT_PRE!.name, `${OPT_PRE!.name}/lora/dora/final`, to]);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    const wrong = await attune(["merge", OPT_PRE!.name, `${GATED.name}/lora/dora/final`, path.join(out, "none")]);
    expect(wrong.code).toBe(3);
    expect(wrong.stderr.trim().split("\n")).toHaveLength(1);
    expect(wrong.stderr).toMatch(/does not fit this model: target_modules: "q" matches no linear layer/);
    expect(await readdir(out)).not.toContain("none");
  });
});

describe("several adapters over one base", () => {
  it("are switched, and switched off, without another base", async () => {
    const base = await loadModel(device, GATED.folder, { trainable: false });
    const folder = await openModelFolder(diskFiles(GATED.folder));
    const adapters = new Adapters<T5>(device, base.model, { specs: weightsOf(folder), weights: base.weights });
    for (const name of ["default", "dora", "saved"]) adapters.add(name, await adapterOf(name));
    const batch = await forwardCase(GATED.folder, "padded");
    const bare = await logitsOf(device, adapters.model, batch);
    const seen = new Map<string, Float32Array>();
    for (const name of adapters.names) seen.set(name, await logitsOf(device, adapters.set(name), batch));
    for (const [name, logits] of seen) {
      expect(largestDifference(logits, bare)).toBeGreaterThan(0.01);
      expect(await logitsOf(device, adapters.set(name), batch)).toEqual(logits);
    }
    expect(await logitsOf(device, adapters.set(null), batch)).toEqual(bare);
    expect(() => adapters.set("none")).toThrow(/no adapter named "none"; loaded are default, dora, saved/);
    await expect(adapterOf("dora").then((adapter) => adapters.add("dora", adapter))).rejects.toThrow(/loaded already/);
    adapters.set("dora");
    adapters.remove("dora");
    expect([adapters.active, adapters.names]).toEqual([null, ["default", "saved"]]);
    adapters.dispose();
    // buffers that were freed may be kept for later: a second time adds nothing
    const { liveBytes } = device.memory;
    for (const name of ["default", "dora", "saved"]) adapters.add(name, await adapterOf(name));
    adapters.dispose();
    expect(device.memory.liveBytes).toBe(liveBytes);
    base.dispose();
  });

  it("have a weighted sum that is an adapter itself", async () => {
    const [one, two] = [await adapterOf("default"), await adapterOf("patterns")];
    const sum = sumAdapters([
      { adapter: one, weight: 0.75 },
      { adapter: two, weight: -2 },
    ]);
    for (const module of sum.modules) {
      const size = (module.a.length / module.rank) * (module.b.length / module.rank);
      const zero = new Float32Array(size);
      const merged = mergeModule(zero, module).weight;
      const expected = new Float64Array(size);
      for (const [adapter, weight] of [
        [one, 0.75],
        [two, -2],
      ] as const) {
        const part = adapter.modules.find(({ path }) => path === module.path);
        if (part) for (const [i, value] of mergeModule(zero, part).weight.entries()) expected[i]! += weight * value;
      }
      expect(largestDifference(merged, expected), module.path).toBeLessThan(1e-6);
    }
    await expect(adapterOf("dora").then((adapter) => sumAdapters([{ adapter, weight: 1 }]))).rejects.toThrow(/have no sum/);
    expect(() => sumAdapters([{ adapter: one, weight: Number.NaN }])).toThrow(/a weight is NaN/);
  });
});
