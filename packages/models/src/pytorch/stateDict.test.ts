import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Bytes,
  type FileStorage,
  op,
  stateDictPickle,
  type TorchFile,
  torchLegacy,
  torchZip,
  tupleOf,
  zipFile,
} from "../../testing/pytorchFiles.js";
import { sharedFolder } from "../../testing/shared.js";
import { openCheckpoint } from "../checkpoint.js";
import { diskFiles } from "../node.js";
import { bytesOf, openSafetensors, toFloat32, writeSafetensors } from "../safetensors.js";
import { type FileSource, memoryFiles } from "../source.js";
import { openPytorchFile } from "./stateDict.js";

const open = (bytes: Uint8Array) => openPytorchFile(memoryFiles({ "m.bin": bytes }), "m.bin");
const floats = (key: string, values: readonly number[]): FileStorage => ({
  key,
  type: "FloatStorage",
  count: values.length,
  bytes: bytesOf(Float32Array.from(values)),
});
const count24 = floats(
  "0",
  Array.from({ length: 24 }, (_, i) => i),
);
const sample: TorchFile = {
  storages: [
    count24,
    { key: "1", type: "HalfStorage", count: 3, bytes: bytesOf(Uint16Array.of(0x3c00, 0xc100, 0)) },
    { key: "2", type: "BFloat16Storage", count: 2, bytes: bytesOf(Uint16Array.of(0x3f80, 0xc020)) },
    { key: "3", type: "DoubleStorage", count: 2, bytes: bytesOf(Float64Array.of(1, -2.5)) },
    { key: "4", type: "LongStorage", count: 1, bytes: bytesOf(BigInt64Array.of(1n)) },
  ],
  tensors: [
    { name: "whole", storage: "0", shape: [4, 6] },
    { name: "tied", storage: "0", shape: [4, 6] },
    { name: "transposed", storage: "0", shape: [6, 4], strides: [1, 6] },
    { name: "slice", storage: "0", offset: 6, shape: [2, 3], strides: [6, 2] },
    { name: "row", storage: "0", offset: 18, shape: [6] },
    { name: "column", storage: "0", offset: 2, shape: [4, 1], strides: [6, 99] },
    { name: "scalar", storage: "0", offset: 5, shape: [] },
    { name: "empty", storage: "0", shape: [0, 3] },
    { name: "f16", storage: "1", shape: [3] },
    { name: "bf16", storage: "2", shape: [2] },
    { name: "f64", storage: "3", shape: [2] },
    { name: "ids", storage: "4", shape: [1] },
  ],
};
const expected: Record<string, number[]> = {
  whole: Array.from({ length: 24 }, (_, i) => i),
  tied: Array.from({ length: 24 }, (_, i) => i),
  transposed: Array.from({ length: 24 }, (_, i) => (i % 4) * 6 + Math.floor(i / 4)),
  slice: [6, 8, 10, 12, 14, 16],
  row: [18, 19, 20, 21, 22, 23],
  column: [2, 8, 14, 20],
  scalar: [5],
  empty: [],
  f16: [1, -2.5, 0],
  bf16: [1, -2.5],
  f64: [1, -2.5],
};

describe("a state dict", () => {
  it.each<[string, Uint8Array]>([
    ["zip", torchZip(sample)],
    ["before torch 1.6", torchLegacy(sample)],
  ])("in the form %s: views of storages in every type, whole and by range", async (_, bytes) => {
    const found = await open(bytes);
    expect(found.names).toEqual(sample.tensors.map(({ name }) => name));
    for (const [name, values] of Object.entries(expected)) {
      const raw = await found.read(name);
      expect(raw.shape).toEqual(sample.tensors.find((tensor) => tensor.name === name)!.shape);
      expect([...toFloat32(name, raw)], name).toEqual(values);
      const [begin, end] = [Math.floor(values.length / 3), Math.ceil(values.length / 2)];
      expect([...toFloat32(name, await found.read(name, { begin, end }))], name).toEqual(values.slice(begin, end));
    }
    const ids = await found.read("ids"); // may stand in a file, and is no weight
    expect(() => toFloat32("ids", ids)).toThrow(/"ids" has type I64; expected F32/);
  });

  it("in 64-bit zip records and behind a comment", async () => {
    const entries: [string, Uint8Array][] = [
      ["a/data.pkl", stateDictPickle({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [24] }] })],
      ["a/data/0", count24.bytes],
    ];
    for (const bytes of [zipFile(entries, { isWide: true }), zipFile(entries, { comment: "made by hand" })])
      expect([...toFloat32("w", await (await open(bytes)).read("w"))]).toEqual(expected.whole);
  });

  it("is read by range: opening reads no numbers, a tensor only its own", async () => {
    const big: FileStorage = { key: "0", type: "FloatStorage", count: 1 << 18, bytes: new Uint8Array(1 << 20) };
    const files = memoryFiles({
      "m.bin": torchZip({ storages: [big], tensors: [{ name: "w", storage: "0", shape: [512, 512] }] }),
    });
    let largest = 0;
    const counted: FileSource = {
      ...files,
      read(path, range) {
        largest = Math.max(largest, range ? range.end - range.begin : Number.POSITIVE_INFINITY);
        return files.read(path, range);
      },
    };
    const found = await openPytorchFile(counted, "m.bin");
    expect(largest).toBeLessThan(70_000); // the end of the file, where a comment could hide the directory
    expect((await found.read("w", { begin: 1000, end: 101_000 })).bytes.length).toBe(400_000);
    expect(largest).toBe(400_000);
  });

  it("with what torch keeps beside it (_metadata), parameters, numbers and texts: tensors alone count", async () => {
    const pickle = Uint8Array.from([
      ...stateDictPickle({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [2] }] }).slice(0, -2), // up to its items
      ...[...op.text("epoch"), ...op.int(3), ...op.text("note"), ...op.text("by hand"), ...op.setItems],
      ...[...op.emptyDict, ...op.mark, ...op.text("_metadata"), ...op.emptyDict, ...op.setItems, ...op.build, ...op.stop],
    ]);
    const found = await open(torchZip({ storages: [count24], tensors: [] }, pickle));
    expect(found.names).toEqual(["w"]);
    expect(found.warnings[0]).toMatch(/2 entries are no tensors and ignored, first "epoch"/);
  });

  it("within what a training script saves", async () => {
    const inner = stateDictPickle({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [2] }] });
    const wrap = (key: string) =>
      Uint8Array.from([
        ...[...op.proto(), ...op.emptyDict, ...op.mark, ...op.text("epoch"), ...op.int(1), ...op.text(key)],
        ...inner.slice(2, -1),
        ...[...op.setItems, ...op.stop],
      ]);
    const file = { storages: [count24], tensors: [] };
    expect((await open(torchZip(file, wrap("state_dict")))).names).toEqual(["w"]);
    await expect(open(torchZip(file, wrap("weights")))).rejects.toThrow(/dictionary of epoch, weights without a tensor/);
  });

  it("is chosen only where there is no safetensors file, and may be sharded", async () => {
    const shard = (name: string) => torchZip({ storages: [count24], tensors: [{ name, storage: "0", shape: [24] }] });
    const folder: Record<string, Uint8Array | string> = {
      "pytorch_model.bin.index.json": JSON.stringify({
        metadata: { total_size: 192 },
        weight_map: { a: "pytorch_model-00001-of-00002.bin", b: "pytorch_model-00002-of-00002.bin" },
      }),
      "pytorch_model-00001-of-00002.bin": shard("a"),
      "pytorch_model-00002-of-00002.bin": shard("b"),
    };
    const found = await openCheckpoint(memoryFiles(folder));
    expect(found.names).toEqual(["a", "b"]);
    expect([...toFloat32("b", await found.read("b", { begin: 3, end: 5 }))]).toEqual([3, 4]);
    const safe = writeSafetensors([{ name: "s", dtype: "F32", shape: [1], bytes: new Uint8Array(4) }]);
    expect((await openCheckpoint(memoryFiles({ ...folder, "model.safetensors": safe }))).names).toEqual(["s"]);
    const away = JSON.stringify({ weight_map: { a: "../pytorch_model.bin" } });
    await expect(openCheckpoint(memoryFiles({ "pytorch_model.bin.index.json": away }))).rejects.toThrow(
      /plain name of a .bin file/,
    );
  });

  const shared = sharedFolder("data/models/tiny-random-t5");
  it.skipIf(!shared)("a real one: transformers' tiny T5 equals its safetensors", async () => {
    const files = diskFiles(`${shared}data/models/tiny-random-t5`);
    const [bin, safe] = [await openPytorchFile(files, "pytorch_model.bin"), await openSafetensors(files, "model.safetensors")];
    expect([...bin.names].sort()).toEqual([...safe.names].sort());
    for (const name of bin.names) {
      const [a, b] = [await bin.read(name), await safe.read(name)];
      expect({ ...a, bytes: 0 }, name).toEqual({ ...b, bytes: 0 });
      expect(Buffer.compare(a.bytes, b.bytes), name).toBe(0); // toEqual takes seconds for a megabyte
    }
  });
});

/** A file whose pickle is the given code. */
const pickled = (...code: Bytes[]): Uint8Array => torchZip({ storages: [count24], tensors: [] }, Uint8Array.from(code.flat()));
const call = (module: string, name: string, ...args: Bytes[]): Bytes => [
  ...op.global(module, name),
  ...tupleOf(args.flat()),
  ...op.reduce,
];
const withTensor = (change: Partial<TorchFile["tensors"][0]>, storage = count24): Uint8Array =>
  torchZip({ storages: [storage], tensors: [{ name: "w", storage: "0", shape: [2, 2], ...change }] });
const plain: [string, Uint8Array][] = [
  ["a/data.pkl", stateDictPickle({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [24] }] })],
  ["a/data/0", count24.bytes],
];

describe("anything else is refused in one line, and nothing runs (reliability B1 22)", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["os.system", pickled(op.proto(), call("os", "system", op.text("true")), op.stop), /names os\.system.*byte 2/],
    ["posix.system", pickled(op.proto(), call("posix", "system", op.text("true")), op.stop), /names posix\.system/],
    ["builtins.eval", pickled(op.proto(), call("builtins", "eval", op.text("1")), op.stop), /names builtins\.eval/],
    ["an attribute of an allowed module", pickled(op.proto(), call("torch", "load", op.text("x")), op.stop), /names torch\.load/],
    ["a name with escapes", pickled(op.proto(), op.global("os\x1b[2J", "x"), op.stop), /names os\\x1b\[2J\.x/],
    ["STACK_GLOBAL", pickled(op.proto(4), op.text("os"), op.text("system"), [0x93], op.stop), /names os\.system/],
    ["INST", pickled(op.proto(), op.mark, [0x69], op.stop), /0x69 \(INST\).*byte 3/],
    ["OBJ", pickled(op.proto(), op.mark, [0x6f], op.stop), /0x6f \(OBJ\)/],
    ["NEWOBJ", pickled(op.proto(), [0x81], op.stop), /NEWOBJ/],
    ["NEWOBJ_EX", pickled(op.proto(), [0x92], op.stop), /NEWOBJ_EX/],
    ["an extension", pickled(op.proto(), [0x82, 1], op.stop), /EXT1/],
    ["an unknown opcode", pickled(op.proto(), [0xff], op.stop), /opcode 0xff/],
    [
      "a storage class is called",
      pickled(op.proto(), call("torch", "FloatStorage", op.int(1)), op.stop),
      /calls torch\.FloatStorage/,
    ],
    ["text is called", pickled(op.proto(), op.text("x"), op.emptyTuple, op.reduce, op.stop), /calls something/],
    ["__setstate__ of text", pickled(op.proto(), op.text("x"), op.emptyDict, op.build, op.stop), /state of something/],
    [
      "a whole model",
      pickled(op.proto(), op.global("transformers.models.t5", "T5"), op.stop),
      /names transformers\.models\.t5\.T5/,
    ],
    ["no dictionary", pickled(op.proto(), op.int(7), op.stop), /holds a number; expected a state dict/],
    ["no tensor", pickled(op.proto(), op.emptyDict, op.mark, op.text("a"), op.int(1), op.setItems, op.stop), /without a tensor/],
    ["an empty stack", pickled(op.proto(), op.stop), /empty stack/],
    ["no mark", pickled(op.proto(), op.tuple, op.stop), /a mark is missing/],
    [
      "a key without a value",
      pickled(op.proto(), op.emptyDict, op.mark, op.text("a"), op.setItems, op.stop),
      /key without a value/,
    ],
    ["a tuple as a key", pickled(op.proto(), op.emptyDict, op.mark, op.emptyTuple, op.none, op.setItems, op.stop), /a key that/],
    ["a forgotten value", pickled(op.proto(), op.get(5), op.stop), /value 5 was never/],
    ["text longer than the pickle", pickled(op.proto(), [0x58, 255, 255, 255, 255]), /ends within an opcode/],
    ["no end", pickled(op.proto()), /ends within an opcode/],
    ["text that is not UTF-8", pickled(op.proto(), [0x58, 1, 0, 0, 0, 0xff]), /not UTF-8/],
    ["protocol 9", pickled(op.proto(9), op.stop), /protocol 9/],
    ["a storage that is no storage", pickled(op.proto(), op.text("x"), op.persistent, op.stop), /persistent id/],
    ["a tensor of 2^80 elements", withTensor({ shape: [2 ** 40, 2 ** 40], strides: [0, 0] }), /does not lie in its storage/],
    ["an expanded tensor", withTensor({ shape: [25], strides: [0] }), /does not lie in its storage of 24/],
    ["a tensor beyond its storage", withTensor({ offset: 21 }), /from element 21 does not lie/],
    ["a stride beyond its storage", withTensor({ strides: [23, 1] }), /does not lie/],
    ["a negative size", withTensor({ shape: [-1, 2] }), /no whole numbers/],
    ["a size beyond 2^53", withTensor({ shape: [2 ** 60, 0] }), /no whole numbers/],
    ["strides of another rank", withTensor({ strides: [1] }), /no whole numbers/],
    ["a storage shorter than it claims", withTensor({}, { ...count24, count: 25 }), /has 96 bytes, 25 numbers of F32 need more/],
    [
      "a storage that is not there",
      torchZip(
        { storages: [], tensors: [] },
        stateDictPickle({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [1] }] }),
      ),
      /storage 0 of a tensor is not there/,
    ],
    ["other byte order", torchZip(sample, stateDictPickle(sample), "big"), /other byte order/],
    ["other byte order, before 1.6", torchLegacy(sample, false), /other byte order/],
    ["truncated storages, before 1.6", torchLegacy(sample).slice(0, -9), /truncated/],
    ["truncated pickles, before 1.6", torchLegacy(sample).slice(0, 200), /ends within an opcode/],
    ["compressed", zipFile(plain, { method: 8 }), /is compressed \(method 8\)/],
    ["encrypted", zipFile(plain, { flags: 1 }), /is encrypted/],
    ["two entries on the same bytes", zipFile(plain, { offset: () => 0 }), /reaches beyond byte/],
    ["an entry beyond the directory", zipFile(plain, { offset: (i, at) => (i ? 2 ** 31 : at) }), /reaches beyond byte/],
    ["a name twice", zipFile([...plain, plain[1]!]), /occurs twice/],
    ["a zip of something else", zipFile([["readme.txt", count24.bytes]]), /that torch.save did not write/],
    ["TorchScript", zipFile([...plain, ["a/constants.pkl", count24.bytes]]), /TorchScript/],
    ["truncated zip", torchZip(sample).slice(0, -5), /no zip directory at its end; it is truncated/],
    ["empty", new Uint8Array(0), /is empty/],
    ["a plain pickle", Uint8Array.from([...op.proto(), ...op.emptyDict, ...op.stop]), /a pickle that torch.save did not write/],
    ["LFS pointer", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"), /Git LFS pointer/],
    ["web page", new TextEncoder().encode("<html>"), /web page/],
    ["text", new TextEncoder().encode("hello"), /no PyTorch file/],
  ])("%s", async (_, bytes, message) => {
    const error = await open(bytes).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toMatch(/[\n\x1b]/);
    expect(error).toMatchObject({ exitClass: "data" });
  });

  it("an entry whose own header lies is refused when it is read", async () => {
    const bytes = torchZip({ storages: [count24], tensors: [{ name: "w", storage: "0", shape: [24] }] });
    const text = new TextDecoder("latin1").decode(bytes);
    const header = text.indexOf("PK\x03\x04", text.indexOf("model/byteorder"));
    bytes[header + 28] = 255; // the length of its extra field: the data would begin in the next entry
    bytes[header + 29] = 255;
    const found = await open(bytes);
    await expect(found.read("w")).rejects.toThrow(/entry "model\/data\/0" is damaged/);
  });

  it("a damaged file never throws anything but a data error, hangs or allocates beyond its own size", async () => {
    const files = [torchZip(sample), torchLegacy(sample), zipFile(plain, { isWide: true })];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        async (file, flips, cut) => {
          const damaged = file.slice(0, cut % 4 ? undefined : cut % file.length);
          for (const [at, value] of flips) if (damaged.length) damaged[at % damaged.length] = value;
          const files = memoryFiles({ m: damaged });
          const bounded: FileSource = {
            ...files,
            read(path, range) {
              expect(range!.end - range!.begin).toBeLessThanOrEqual(damaged.length);
              return files.read(path, range);
            },
          };
          try {
            const found = await openPytorchFile(bounded, "m");
            for (const name of found.names) expect((await found.read(name)).bytes.length).toBeLessThanOrEqual(damaged.length);
          } catch (error) {
            expect(error).toMatchObject({ exitClass: "data" });
            expect((error as Error).message).not.toMatch(/[\n\x1b]/);
          }
        },
      ),
      { numRuns: 600 },
    );
  });
});
