import { mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { softwareFacts } from "@attune/kernels-wgsl";
import { type Backend, Device, nullBackend, persistent, type Tensor } from "@attune/tensor";
import { describe, expect, it } from "vitest";
import { readWeights } from "./device.js";
import { loadModelFolder, modelKind, openModelFolder } from "./modelFolder.js";
import { diskFiles } from "./node.js";
import { OPT_DEFAULTS, type OptConfig, optConfigJson, readOptConfig } from "./opt/config.js";
import { initOpt } from "./opt/weights.js";
import { bytesOf, type Checkpoint, PIECE_ELEMENTS, type TensorToWrite, writeSafetensors } from "./safetensors.js";
import { type FileSource, memoryFiles } from "./source.js";
import { T5_DEFAULTS, type T5Config, t5ConfigJson } from "./t5/config.js";
import { initT5 } from "./t5/weights.js";

const t5: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: 16,
  dModel: 8,
  dKv: 4,
  dFf: 12,
  numLayers: 1,
  numDecoderLayers: 1,
  numHeads: 2,
};
const opt: OptConfig = {
  ...OPT_DEFAULTS,
  vocabSize: 16,
  hiddenSize: 8,
  numLayers: 1,
  ffnDim: 12,
  numHeads: 2,
  maxPositionEmbeddings: 8,
  wordEmbedProjDim: 8,
};
type Tensors = Map<string, TensorToWrite>;
const tensorsOf = (weights: Iterable<{ name: string; shape: readonly number[]; values: Float32Array }>): Tensors =>
  new Map([...weights].map(({ name, shape, values }) => [name, { name, shape, dtype: "F32", bytes: bytesOf(values) }]));
function folder(kind: "t5" | "opt", change: (tensors: Tensors) => void = () => {}, config?: string): FileSource {
  const tensors = tensorsOf(kind === "t5" ? initT5(t5, 1) : initOpt(opt, 1));
  change(tensors);
  return memoryFiles({
    "config.json": config ?? (kind === "t5" ? t5ConfigJson(t5) : optConfigJson(opt)),
    "model.safetensors": writeSafetensors([...tensors].map(([name, tensor]) => ({ ...tensor, name }))),
  });
}
const renamed =
  (rename: (name: string) => string) =>
  (tensors: Tensors): void => {
    const all = [...tensors];
    tensors.clear();
    for (const [name, tensor] of all) tensors.set(rename(name), tensor);
  };
const faultOf = (source: FileSource) =>
  openModelFolder(source).then(
    () => expect.unreachable("it was opened"),
    (error: Error) => {
      expect(error).toMatchObject({ exitClass: "data" });
      expect(error.message).not.toMatch(/\n/);
      return error.message;
    },
  );

/** A device of host arrays: it takes writes and computes nothing. */
function hostDevice(): { device: Device; bytesOf(tensor: Tensor): Uint8Array } {
  const buffers = new Map<object, Uint8Array>();
  const paper = nullBackend(softwareFacts);
  const backend: Backend = {
    ...paper,
    isPaper: false,
    createBuffer(bytes, label) {
      const buffer = paper.createBuffer(bytes, label);
      buffers.set(buffer, new Uint8Array(bytes));
      return buffer;
    },
    write({ buffer, offset }, data) {
      buffers.get(buffer)!.set(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength), offset);
    },
  };
  return {
    device: new Device(backend),
    bytesOf(tensor) {
      const { buffer, offset, bytes } = tensor.storage.place();
      return buffers.get(buffer)!.subarray(offset, offset + bytes);
    },
  };
}

describe("the kind of a model (reliability B1 27)", () => {
  it("is what model_type says; the oldest files of T5 name an architecture alone", () => {
    expect(modelKind({ model_type: "opt" })).toBe("opt");
    expect(modelKind({ architectures: ["T5WithLMHeadModel"] })).toBe("t5");
  });
  it.each<[object, RegExp]>([
    [{ model_type: "bert" }, /model_type is "bert"; supported are "t5" and "opt"$/],
    [{ model_type: "otp" }, /supported are "t5" and "opt"$/],
    [{ model_type: "mt5" }, /did you mean "t5"\?$/],
    [{ model_type: ["t5"] }, /model_type is \["t5"\]/],
    [{ model_type: "constructor" }, /supported are/],
    [{}, /model_type is undefined/],
    [{ peft_type: "LORA" }, /is of an adapter; name its base model/],
  ])("%j is refused", (json, message) => expect(() => modelKind(json as Record<string, unknown>)).toThrow(message));
  it("27: custom code is ignored, saying so", async () => {
    const config = optConfigJson(opt).replace("{", '{"auto_map": {"AutoModel": "x.py"},');
    expect((await openModelFolder(folder("opt", () => {}, config))).notes).toEqual([
      expect.stringMatching(/auto_map names custom code/),
    ]);
  });
});

describe("names and shapes", () => {
  it("17, 18, 19: all that is misshapen, missing and unexpected is said at once, of OPT too", async () => {
    const message = await faultOf(
      folder("opt", (tensors) => {
        tensors.delete("model.decoder.layers.0.fc1.bias");
        tensors.set("model.decoder.layers.0.fc3.bias", { name: "", dtype: "F32", shape: [1], bytes: new Uint8Array(4) });
        const fc2 = tensors.get("model.decoder.layers.0.fc2.weight")!;
        tensors.set("model.decoder.layers.0.fc2.weight", { ...fc2, shape: [12, 8] });
      }),
    );
    expect(message).toMatch(/1 missing: model\.decoder\.layers\.0\.fc1\.bias/);
    expect(message).toMatch(/1 unexpected: model\.decoder\.layers\.0\.fc3\.bias/);
    expect(message).toMatch(/1 misshapen: model\.decoder\.layers\.0\.fc2\.weight wants \[8, 12\], got \[12, 8\]/);
  });

  it.each(["t5", "opt"] as const)("19: what %s does not have is left aside and noted, refused where asked", async (kind) => {
    const more = folder(kind, (tensors) =>
      tensors.set("pooler.weight", { name: "", dtype: "F32", shape: [1], bytes: new Uint8Array(4) }),
    );
    expect((await openModelFolder(more)).notes).toEqual([
      expect.stringMatching(/1 tensors are not of this model and left aside: pooler\.weight$/),
    ]);
    await expect(openModelFolder(more, { strict: true })).rejects.toThrow(/1 unexpected: pooler\.weight$/);
  });

  it("18: a copy of OPT's tied head is accepted, another head refused", async () => {
    const embedding = "model.decoder.embed_tokens.weight";
    const copied = folder("opt", (tensors) => tensors.set("lm_head.weight", tensors.get(embedding)!));
    expect((await openModelFolder(copied)).kind).toBe("opt");
    const other = folder("opt", (tensors) => {
      const bytes = tensors.get(embedding)!.bytes.slice();
      bytes[3]! ^= 1;
      tensors.set("lm_head.weight", { ...tensors.get(embedding)!, bytes });
    });
    expect(await faultOf(other)).toMatch(/lm_head\.weight differs from model\.decoder\.embed_tokens\.weight/);
  });

  it.each<["t5" | "opt", string, (name: string) => string]>([
    ["opt", "decoder.", (name) => name.replace("model.decoder.", "decoder.")],
    ["opt", "transformer.decoder.", (name) => name.replace("model.decoder.", "transformer.decoder.")],
    ["opt", "module.model.decoder.", (name) => `module.${name}`],
    ["t5", "transformer.", (name) => `transformer.${name}`],
    ["t5", "module.", (name) => `module.${name}`],
    ["t5", "model.", (name) => `model.${name}`],
  ])("20: %s with names that begin with %s is read, saying so", async (kind, prefix, rename) => {
    const [plain, other] = [await openModelFolder(folder(kind)), await openModelFolder(folder(kind, renamed(rename)))];
    expect(other.notes).toEqual([expect.stringContaining(`names begin with "${prefix}"`)]);
    expect(plain.notes).toEqual([]);
    for (const { source } of plain.weights)
      expect(await other.checkpoint.read(source)).toEqual(await plain.checkpoint.read(source));
  });

  it("20: any other prefix is no guess's business; both names of one weight are refused", async () => {
    expect(
      await faultOf(
        folder(
          "opt",
          renamed((name) => `backbone.${name}`),
        ),
      ),
    ).toMatch(/missing: model\.decoder\.embed_tokens\.weight/);
    const both = folder("opt", (tensors) => {
      renamed((name) => name.replace("model.decoder.", "decoder."))(tensors);
      tensors.set("model.decoder.layers.0.fc1.bias", tensors.get("decoder.layers.0.fc1.bias")!);
    });
    expect(await faultOf(both)).toMatch(/holds model\.decoder\.layers\.0\.fc1\.bias twice/);
  });
});

describe("sizes (reliability B1 28)", () => {
  it.each<[object, RegExp]>([
    [{ hidden_size: 10, num_attention_heads: 4 }, /hidden_size 10 is not a multiple of num_attention_heads 4/],
    [{ num_hidden_layers: 1e9 }, /describes .* parameters \(.* GB in f32\); a size is wrong/],
    [{ vocab_size: 2 ** 53 }, /vocab_size is 9007199254740992, expected/],
    [{ vocab_size: 2 }, /bos_token_id 2 is not below vocab_size 2/],
    [{ activation_function: "gelu", enable_bias: false }, /activation_function is "gelu".*; enable_bias is false/],
  ])("OPT with %j is refused before anything is allocated", (json, message) => {
    expect(() => readOptConfig({ model_type: "opt", ...json })).toThrow(message);
  });
});

describe("files", () => {
  it("15: a file that changes while it is loaded is an error", async () => {
    const dir = await mkdtemp(join(tmpdir(), "attune-moving-"));
    try {
      const files = folder("t5");
      for (const name of ["config.json", "model.safetensors"]) await writeFile(join(dir, name), await files.read(name));
      const opened = await openModelFolder(diskFiles(dir));
      await opened.checkpoint.read("shared.weight");
      await truncate(join(dir, "model.safetensors"), 2000);
      await expect(loadModelFolder(hostDevice().device, opened, { trainable: false })).rejects.toThrow(
        /changed while it was being read/,
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("22: files of other frameworks are refused with the way to convert them", async () => {
    for (const name of ["tf_model.h5", "flax_model.msgpack"])
      expect(await faultOf(memoryFiles({ "config.json": optConfigJson(opt), [name]: "" }))).toMatch(
        new RegExp(`has ${name} .*save_pretrained`),
      );
  });

  it("26: weights behind a link that leaves the folder are refused", async () => {
    const dir = await mkdtemp(join(tmpdir(), "attune-linked-"));
    try {
      const files = folder("t5");
      await writeFile(join(dir, "config.json"), await files.read("config.json"));
      await symlink("/etc/passwd", join(dir, "model.safetensors"));
      expect(await faultOf(diskFiles(dir))).toMatch(/is a link to \/etc\/passwd, outside the model's folder/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe("onto a device", () => {
  it("21: every type into every storage, halves of the same type bit for bit, an odd number of them too", async () => {
    const halves = Uint16Array.from({ length: 8 }, (_, i) => 0x3c00 + 37 * i); // also bf16 patterns
    for (const [dtype, storage] of [
      ["F16", "f16"],
      ["BF16", "bf16"],
    ] as const) {
      const source = folder("t5", (tensors) => {
        for (const [name, { shape }] of tensors) {
          const count = shape.reduce((product, n) => product * n, 1);
          tensors.set(name, {
            name,
            dtype,
            shape,
            bytes: bytesOf(Uint16Array.from({ length: count }, (_, i) => halves[i % 8]!)),
          });
        }
      });
      const { device, bytesOf: held } = hostDevice();
      const { weights } = await loadModelFolder(device, await openModelFolder(source), { trainable: false, storage });
      expect([...new Uint16Array(held(weights.get("shared.weight")!).slice().buffer).slice(0, 8)]).toEqual([...halves]);
    }
  });

  it("16: values that are infinite or NaN are counted by tensor and told", async () => {
    const spoiled = folder("opt", (tensors) => {
      const bias = tensors.get("model.decoder.layers.0.fc1.bias")!;
      tensors.set("model.decoder.layers.0.fc1.bias", { ...bias, bytes: bytesOf(new Float32Array(12).fill(Number.NaN, 0, 2)) });
    });
    const { notes } = await loadModelFolder(hostDevice().device, await openModelFolder(spoiled), { trainable: true });
    expect(notes).toEqual([
      expect.stringMatching(/infinite or not a number in 1 tensors: model\.decoder\.layers\.0\.fc1\.bias \(2\)/),
    ]);
  });

  it("a large tensor passes through host memory in pieces: one read at a time, none above a piece", async () => {
    // 16 x 1.2 million values: 77 MB of f32 in the file, of which never more than 16 MiB are asked for
    const wide = 1_200_000;
    const opened = await openModelFolder(folder("opt"));
    const name = "model.decoder.embed_tokens.weight";
    const shape = [16, wide];
    let [underway, largest, read] = [0, 0, 0];
    const checkpoint: Checkpoint = {
      ...opened.checkpoint,
      async read(_, elements) {
        expect(++underway).toBe(1);
        const count = elements!.end - elements!.begin;
        largest = Math.max(largest, count);
        read += count;
        await new Promise(setImmediate);
        underway--;
        return { dtype: "F32", shape, bytes: new Uint8Array(4 * count).fill(elements!.begin === 0 ? 1 : 2) };
      },
    };
    const { device, bytesOf: held } = hostDevice();
    const into = persistent(device, shape, { dtype: "bf16", label: name });
    await readWeights(device, new Map([[name, into]]), [{ name, source: name }], checkpoint);
    expect(read).toBe(16 * wide);
    expect(largest).toBe(PIECE_ELEMENTS);
    // where one piece ends and the next begins
    const words = new Uint16Array(held(into).buffer, held(into).byteOffset, 16 * wide);
    const [first, second] = [0x0101, 0x0202];
    expect([...words.subarray(PIECE_ELEMENTS - 2, PIECE_ELEMENTS + 2)]).toEqual([first, first, second, second]);
    expect(words.at(-1)).toBe(second);
  });
});
