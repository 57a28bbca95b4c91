// Adapters of every kind as attune writes them, with the logits that attune computes and the merged models, for scripts/check-peft.py
// to judge. OUT is made anew.
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  freshLora,
  LORA_DEFAULTS,
  linearModules,
  loadModelFolder,
  mergedFolder,
  mt19937,
  Opt,
  openModelFolder,
  optPositions,
  readAdapter,
  saveModelFolder,
  T5,
  weightsOf,
  writeAdapter,
} from "@attune/models";
import { diskFiles, diskSink } from "@attune/models/node";
import { noGrad, tensor } from "@attune/tensor";
import { openDevice } from "@attune/tensor/node";

const [out] = process.argv.slice(2);
if (!out) throw new Error("usage: write-peft.ts OUT");
const root = fileURLToPath(new URL("../", import.meta.url));
const [ROWS, TIME] = [2, 7];

const KINDS = {
  "t5-gated": {
    plain: { targetModules: ["q", "v"] },
    everything: { targetModules: "all-linear", useRslora: true },
    dora: { targetModules: ["q", "wo"], useDora: true, rankPattern: { "EncDecAttention.q": 2 }, alphaPattern: { wo: 3 } },
    saved: {
      targetModules: "decoder.*\\.(q|o)",
      modulesToSave: ["lm_head", "final_layer_norm"],
      excludeModules: ["EncDecAttention.o"],
    },
  },
  "opt-pre": {
    plain: { targetModules: ["q_proj", "v_proj"] },
    dora: { targetModules: ["q_proj", "fc2"], useDora: true, bias: "lora_only" },
    biases: { targetModules: ["v_proj"], bias: "all", layersToTransform: [1], layersPattern: "layers", initialization: "none" },
    saved: { targetModules: ["v_proj"], modulesToSave: ["lm_head", "0.final_layer_norm"] },
  },
} as const;

await rm(out, { recursive: true, force: true });
const device = await openDevice();
const random = mt19937(23);
for (const [model, kinds] of Object.entries(KINDS)) {
  const folder = await openModelFolder(diskFiles(path.join(root, "tests/golden", model)));
  const specs = weightsOf(folder);
  const { weights } = await loadModelFolder(device, folder, { trainable: false });
  for (const [kind, settings] of Object.entries(kinds)) {
    const config = { ...LORA_DEFAULTS, rank: 3, alpha: 7, baseModel: model, ...settings };
    const lora = freshLora(device, config, linearModules(specs), 5, { specs, weights });
    // as if trained: every value moved a little, B away from zero
    for (const parameter of lora.parameters.parameters.values()) {
      const values = (await parameter.toArray()).slice() as Float32Array;
      parameter.write(values.map((value) => value + 0.1 * random.normal()));
    }
    const home = path.join(out, model, kind);
    const adapter = diskSink(path.join(home, "adapter"));
    for (const [name, content] of Object.entries(writeAdapter(await lora.read()))) await adapter.write(name, content);
    const ids = Int32Array.from({ length: ROWS * TIME }, () => 3 + random.below(folder.config.vocabSize - 3));
    const given = tensor(device, ids, [ROWS, TIME]);
    const logits = device.scope(() =>
      noGrad(() => {
        if (folder.kind === "t5")
          return new T5(folder.config, weights, { lora }).forward({ inputIds: given, decoderInputIds: given });
        const positions = tensor(device, optPositions(new Int32Array(ROWS * TIME).fill(1), TIME), [ROWS, TIME]);
        return new Opt(folder.config, weights, { lora }).forward({ inputIds: given, positionIds: positions });
      }),
    );
    const values = [...(await logits.toArray())];
    let isMerged = true;
    try {
      const again = await readAdapter(diskFiles(path.join(home, "adapter")), linearModules(specs), specs);
      await mkdir(path.join(home, "merged"), { recursive: true });
      await saveModelFolder(diskSink(path.join(home, "merged")), mergedFolder(folder, again));
    } catch (error) {
      if ((error as { exitClass?: string }).exitClass !== "data") throw error;
      isMerged = false; // OPT's head cannot be untied
      await rm(path.join(home, "merged"), { recursive: true });
    }
    const facts = {
      model: folder.kind,
      base: path.join(root, "tests/golden", model),
      rows: ROWS,
      ids: [...ids],
      logits: values,
      isMerged,
    };
    await writeFile(path.join(home, "facts.json"), JSON.stringify(facts));
    for (const held of [logits, given, lora]) held.dispose();
  }
  for (const weight of weights.values()) weight.dispose();
}
device.destroy();
