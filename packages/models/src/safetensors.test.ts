import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sharedFolder } from "../testing/shared.js";
import { openCheckpoint } from "./checkpoint.js";
import { diskFiles } from "./node.js";
import { bytesOf, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "./safetensors.js";
import { memoryFiles } from "./source.js";

const shared = sharedFolder("golden/models/t5-relu-tied");

/** A file from a header's text and the number of data bytes (or the bytes). */
function file(header: string | Uint8Array, data: number | Uint8Array = 0, length?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + text.length + body.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  out.set(text, 8);
  out.set(body, 8 + text.length);
  return out;
}
const open = (bytes: Uint8Array | string) => openSafetensors(memoryFiles({ "m.safetensors": bytes }), "m.safetensors");
const tensor = (begin: number, end: number, shape = [end - begin], dtype = "U8") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe("hostile files are refused in one line (reliability B1)", () => {
  const deep = `{"a":${"[".repeat(50_000)}`;
  const many = `{${Array.from({ length: 100_001 }, (_, i) => `"${i}":${tensor(0, 0, [0])}`).join(",")}}`;
  it.each<[string, Uint8Array | string, RegExp]>([
    ["1 empty", "", /truncated/],
    ["1 seven bytes", new Uint8Array(7), /truncated/],
    ["2 header above the maximum", file("{}", 0, 100_000_001n), /at most 100000000/],
    ["2 header length near 2^64", file("{}", 0, 2n ** 64n - 1n), /at most 100000000/],
    ["2 header longer than the file", file("{}", 0, 3n), /truncated/],
    ["3 not UTF-8", file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ["3 does not begin with {", file(' {"a":1}'), /begin with "\{"/],
    ["4 not JSON", file("{a}"), /not valid/],
    ["4 single quotes", file("{'a':1}"), /not valid/],
    ["4 nesting bomb", file(deep), /nested deeper/],
    ["4 text after the header", file("{}{}"), /goes on/],
    ["4 unfinished string", file('{"a'), /ended within a string/],
    ["5 duplicate name", file(`{"a":${tensor(0, 1)},"a":${tensor(0, 1)}}`, 1), /"a" occurs twice/],
    ["5 duplicate name by escape", file(`{"a":${tensor(0, 1)},"\\u0061":${tensor(0, 1)}}`, 1), /occurs twice/],
    ["5 duplicate field", file(`{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}`, 1), /occurs twice/],
    ["7 size beyond 2^53", file(`{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]}}`, 1), /whole numbers/],
    ["7 float size", file(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1), /whole numbers/],
    ["7 exponent", file(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1), /whole numbers/],
    ["7 negative", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), /whole numbers/],
    ["7 text as offset", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":["0",1]}}`, 1), /whole numbers/],
    ["7 three offsets", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1), /pair/],
    ["7 leading zero", file(`{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}`, 1), /not valid/],
    ["8 begin after end", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), /after they end/],
    ["8 end beyond the data", file(`{"a":${tensor(0, 2)}}`, 1), /truncated/],
    ["9 overlap", file(`{"a":${tensor(0, 2)},"b":${tensor(1, 3)}}`, 3), /overlaps/],
    ["9 same bytes twice", file(`{"a":${tensor(0, 2)},"b":${tensor(0, 2)}}`, 2), /overlaps/],
    ["9 gap", file(`{"a":${tensor(0, 1)},"b":${tensor(2, 3)}}`, 3), /gap/],
    ["9 gap in front", file(`{"a":${tensor(1, 2)}}`, 2), /gap/],
    ["9 trailing bytes", file(`{"a":${tensor(0, 1)}}`, 2), /after the last tensor/],
    ["10 empty tensor inside another", file(`{"a":${tensor(0, 4)},"b":${tensor(2, 2, [0])}}`, 4), /overlaps/],
    ["11 product wraps to 4", file(`{"a":{"dtype":"F32","shape":[4294967297,4294967296,1],"data_offsets":[0,4]}}`, 4), /needs/],
    ["11 shape smaller than data", file(`{"a":${tensor(0, 4, [3])}}`, 4), /needs 3 bytes/],
    ["13 metadata with a number", file('{"__metadata__":{"a":1}}'), /must be text/],
    ["13 metadata is a list", file('{"__metadata__":[]}'), /text to text/],
    ["14 more than 100,000 tensors", file(many), /more than 100000/],
    ["23 zip", file("PK\x03\x04").slice(8), /zip/],
    ["23 pickle", Uint8Array.of(0x80, 2, 0x7d, 0x71, 0, 0, 0, 0, 0), /pickle/],
    ["23 LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", /Git LFS pointer/],
    ["23 web page", "<!DOCTYPE html><html></html>", /web page/],
    ["entry is not an object", file('{"a":[1]}'), /expected \{dtype/],
  ])("%s", async (_, bytes, message) => {
    const error = await open(bytes).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toMatch(message);
    expect(error).toMatchObject({ exitClass: "data" });
    expect(error?.message).not.toMatch(/\n/);
  });

  it("6: __proto__ and constructor are plain names", async () => {
    const found = await open(file(`{"__proto__":${tensor(0, 1)},"constructor":${tensor(1, 2)}}`, 2));
    expect(found.names).toEqual(["__proto__", "constructor"]);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
    await expect(found.read("toString")).rejects.toMatchObject({ exitClass: "data" });
  });

  it("10: accepts empty tensors at shared offsets", async () => {
    const found = await open(
      file(`{"b":${tensor(0, 4)},"a":${tensor(0, 0, [0])},"c":${tensor(4, 4, [2, 0])},"s":${tensor(4, 5, [])}}`, 5),
    );
    expect((await found.read("a")).bytes.length).toBe(0);
    expect((await found.read("s")).shape).toEqual([]);
  });

  it("12: refuses an unknown type only when that tensor is read", async () => {
    const found = await open(file(`{"a":${tensor(0, 2, [2], "F8_E4M3")},"b":${tensor(2, 3)}}`, 3));
    expect((await found.read("b")).bytes.length).toBe(1);
    await expect(found.read("a")).rejects.toThrow(/"a" has type F8_E4M3; this reads F64/);
  });

  it("names the nearest tensor", async () => {
    const found = await open(file(`{"shared.weight":${tensor(0, 1)}}`, 1));
    await expect(found.read("shared.weights")).rejects.toThrow(/nearest is "shared.weight"/);
  });
});

const entries = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: "binary", maxLength: 8 }).filter((n) => n !== "__metadata__" && !/\p{Cs}/u.test(n)),
    dtype: fc.constantFrom("F32", "BF16", "F16", "I32"),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    seed: fc.nat(255),
  }),
  { selector: (e) => e.name, maxLength: 6 },
);
const filled = (list: { name: string; dtype: string; shape: number[]; seed: number }[]) =>
  list.map(({ name, dtype, shape, seed }) => ({
    name,
    dtype,
    shape,
    bytes: new Uint8Array(shape.reduce((a, b) => a * b, dtype.endsWith("16") ? 2 : 4)).map((_, i) => seed + i),
  })) as TensorToWrite[];

describe("round trip", () => {
  it("reads back whatever was written, whatever the order of writing", () =>
    fc.assert(
      fc.asyncProperty(entries, async (list) => {
        const tensors = filled(list);
        const written = writeSafetensors(tensors);
        expect(writeSafetensors([...tensors].reverse())).toEqual(written);
        const found = await open(written);
        expect([...found.metadata]).toEqual([["format", "pt"]]);
        expect(found.names.length).toBe(tensors.length);
        for (const { name, dtype, shape, bytes } of tensors) {
          expect(await found.read(name)).toEqual({ dtype, shape, bytes });
          expect(found.tensors.get(name)!.begin % (dtype.endsWith("16") ? 2 : 4)).toBe(0);
        }
      }),
    ));

  it("a damaged file is refused with a data error or reads as other tensors, never anything else", () =>
    fc.assert(
      fc.asyncProperty(
        entries,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(),
        async (list, flips, cut) => {
          const damaged = writeSafetensors(filled(list));
          for (const [at, value] of flips) damaged[at % damaged.length] = value;
          try {
            const found = await open(damaged.slice(0, cut % 4 ? undefined : cut % damaged.length));
            for (const name of found.names) await found.read(name);
          } catch (error) {
            expect(error).toMatchObject({ exitClass: "data" });
          }
        },
      ),
      { numRuns: 300 },
    ));

  it("refuses to write what disagrees", () => {
    const one: TensorToWrite = { name: "a", dtype: "F32", shape: [2], bytes: new Uint8Array(8) };
    expect(() => writeSafetensors([{ ...one, shape: [3] }])).toThrow(RangeError);
    expect(() => writeSafetensors([one, one])).toThrow(RangeError);
  });

  it("widens each type", async () => {
    const f32 = Float32Array.of(1, -2.5);
    const found = await open(
      writeSafetensors([
        { name: "f32", dtype: "F32", shape: [2], bytes: bytesOf(f32) },
        { name: "bf16", dtype: "BF16", shape: [2], bytes: bytesOf(Uint16Array.of(0x3f80, 0xc020)) },
        { name: "f16", dtype: "F16", shape: [2], bytes: bytesOf(Uint16Array.of(0x3c00, 0xc100)) },
        { name: "i32", dtype: "I32", shape: [1], bytes: bytesOf(Int32Array.of(-7)) },
      ]),
    );
    for (const name of ["f32", "bf16", "f16"]) expect(toFloat32(name, await found.read(name))).toEqual(f32);
    expect(toFloat32("i32", await found.read("i32"))).toEqual(Float32Array.of(-7));
    const shifted = new Uint8Array(9);
    shifted.set(bytesOf(f32), 1);
    expect(toFloat32("x", { dtype: "F32", shape: [2], bytes: shifted.subarray(1) })).toEqual(f32);
  });
});

describe("openCheckpoint", () => {
  const one = (name: string) => writeSafetensors([{ name, dtype: "F32", shape: [1], bytes: new Uint8Array(4) }]);
  const index = (map: Record<string, string>, total = 8) => JSON.stringify({ metadata: { total_size: total }, weight_map: map });
  const shards = { "s-1.safetensors": one("a"), "s-2.safetensors": one("b") };
  const folder = (text: string, extra: Record<string, Uint8Array> = shards) =>
    memoryFiles({ "model.safetensors.index.json": text, ...extra });

  it("joins shards", async () => {
    const found = await openCheckpoint(folder(index({ a: "s-1.safetensors", b: "s-2.safetensors" })));
    expect(found.names).toEqual(["a", "b"]);
    expect(found.warnings).toEqual([]);
    expect((await found.read("b")).shape).toEqual([1]);
  });

  it("24: refuses shard names that leave the folder", async () => {
    for (const name of [
      "../s-1.safetensors",
      "/s.safetensors",
      "C:\\s.safetensors",
      "\\\\h\\s.safetensors",
      "a/s.safetensors",
      "~s.safetensors",
      "s\0.safetensors",
      ".safetensors",
      "s-1.bin",
    ]) {
      await expect(openCheckpoint(folder(index({ a: name })))).rejects.toThrow(/plain name/);
    }
  });

  it("25: a missing shard, a tensor in two shards, a tensor listed but absent, a total_size that lies", async () => {
    await expect(openCheckpoint(folder(index({ a: "s-3.safetensors" })))).rejects.toThrow(/s-3.safetensors, which is not there/);
    await expect(
      openCheckpoint(folder(index({ a: "s-1.safetensors", b: "s-2.safetensors" }), { ...shards, "s-2.safetensors": one("a") })),
    ).rejects.toThrow(/in two shards/);
    await expect(openCheckpoint(folder(index({ a: "s-1.safetensors", c: "s-2.safetensors" })))).rejects.toThrow(/lack 1 listed/);
    await expect(openCheckpoint(folder(index({ a: "s-2.safetensors", b: "s-1.safetensors" })))).rejects.toThrow(/but it is in/);
    expect((await openCheckpoint(folder(index({ a: "s-1.safetensors", b: "s-2.safetensors" }, 9)))).warnings[0]).toMatch(
      /total_size is 9/,
    );
  });

  it("says what a folder without safetensors has", async () => {
    await expect(openCheckpoint(memoryFiles({ "tf_model.h5": "" }))).rejects.toThrow(/has tf_model.h5 but no .*convert it/);
    await expect(openCheckpoint(memoryFiles({}))).rejects.toThrow(/no model.safetensors/);
  });

  it.skipIf(!shared)("lays a file out as transformers does", async () => {
    const found = await openCheckpoint(diskFiles(`${shared}golden/models/t5-relu-tied`));
    const tensors: TensorToWrite[] = [];
    for (const name of found.names) tensors.push({ name, ...(await found.read(name)) } as TensorToWrite);
    const ours = await open(writeSafetensors(tensors));
    expect(ours.names).toEqual(found.names);
    expect(ours.metadata).toEqual(found.metadata);
    expect(ours.tensors).toEqual(found.tensors);
  });
});
