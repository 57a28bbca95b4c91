import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EvaluationRecord } from "../recipes/evaluations.js";
import type { TrainRecord } from "../recipes/runProgress.js";
import { openBoard } from "./board.js";
import { crc32c } from "./events.js";
import { varint } from "./protobuf.js";

let out: string;
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), "attune-board-"));
});
afterEach(() => rm(out, { recursive: true }));

const train = (step: number, loss: number) =>
  ({ kind: "train", step, loss, lr: 0.5, gradNorm: 2, tokensPerSecond: 1500 }) as TrainRecord;
const evaluation = (step: number) =>
  ({
    kind: "eval",
    step,
    evalLoss: 1.25,
    perplexity: 3.5,
    tasks: { déjà: { evalLoss: 1, tokens: 4 } },
    metrics: { rouge1: Number.NaN },
  }) as unknown as EvaluationRecord;

// A decoder that shares nothing with the writer: CRC bit by bit, fields into nested maps.
function crcByBits(data: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x82f63b78n : 0n);
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}
type Fields = Map<number, (bigint | Buffer)[]>;
function fieldsOf(data: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varintAt = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = Number(varintAt());
    const wire = key & 7;
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(varintAt()) : 0;
    const value = wire === 0 ? varintAt() : data.subarray(at, at + length);
    at += length;
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}
const all = (fields: Fields, field: number) => (fields.get(field) ?? []) as Buffer[];
const number = (fields: Fields, field: number) => Number(fields.get(field)?.[0] ?? 0);
const inside = (fields: Fields, ...path: number[]): Fields => path.reduce((at, field) => fieldsOf(all(at, field)[0]!), fields);

function eventsOf(file: Buffer) {
  const events = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(crcByBits(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(crcByBits(data));
    const fields = fieldsOf(data);
    const values = all(fields, 5).flatMap((summary) => all(fieldsOf(summary), 1).map(fieldsOf));
    events.push({ fields, wall: all(fields, 1)[0]!.readDoubleLE(), step: number(fields, 2), values });
    at += 16 + length;
  }
  return events;
}
const scalars = ({ values }: { values: Fields[] }) =>
  Object.fromEntries(values.map((value) => [String(all(value, 1)[0]), all(value, 2)[0]!.readFloatLE()]));

async function files(): Promise<Buffer[]> {
  const names = (await readdir(path.join(out, "tensorboard"))).sort();
  for (const name of names) expect(name).toMatch(/^events\.out\.tfevents\.\d+\./);
  return Promise.all(names.map((name) => readFile(path.join(out, "tensorboard", name))));
}

test("CRC-32C of RFC 3720, B.4, and varints beyond 32 bits", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect([...varint(300)]).toEqual([0xac, 2]);
  expect([...varint(2 ** 35)]).toEqual([128, 128, 128, 128, 128, 1]);
});

test("every number of a record, flushed with it; a run that goes on begins a file that takes the points behind it away", async () => {
  const onFault = vi.fn();
  let time = 1000.5;
  const options = { runText: "name: one\nnote: ```\n", onFault, now: () => time++ };
  const first = await openBoard(out, { startStep: 0, ...options });
  await first.write(train(1, 4));
  expect((await files())[0]!.length).toBeGreaterThan(100); // at once
  await first.write(train(2, 3));
  await first.write(evaluation(2));
  time = 2000.5;
  const second = await openBoard(out, { startStep: 1, ...options });
  await second.write(train(2, 2.5));

  const [before, after] = (await files()).map(eventsOf) as [ReturnType<typeof eventsOf>, ReturnType<typeof eventsOf>];
  expect(String(all(before[0]!.fields, 3)[0])).toBe("brain.Event:2");
  const [text] = before[2]!.values as [Fields];
  expect(String(all(inside(text, 9, 1), 1)[0])).toBe("text");
  expect(String(all(inside(text, 8), 8)[0])).toBe("```yaml\nname: one\nnote: '''\n\n```\n");
  expect([number(inside(text, 8), 1), number(inside(text, 8, 2, 2), 1)]).toEqual([7, 1]);
  expect(before.slice(3).map(({ step }) => step)).toEqual([1, 2, 2]);
  expect(scalars(before[3]!)).toEqual({
    "train/loss": 4,
    "train/lr": 0.5,
    "train/grad_norm": 2,
    "train/tokens_per_second": 1500,
  });
  expect(scalars(before[5]!)).toEqual({
    "eval/loss": 1.25,
    "eval/perplexity": 3.5,
    "eval/déjà/loss": 1,
    "eval/rouge1": Number.NaN,
  });
  expect(before[3]!.wall).toBe(1002.5);
  // START: of the first file the beginning, of the second steps from 2 on anew
  expect([before, after].map(([, start]) => [number(inside(start!.fields, 7), 1), start!.step])).toEqual([
    [1, 1],
    [1, 2],
  ]);
  expect(scalars(after[3]!)["train/loss"]).toBe(2.5);
  expect(onFault).not.toHaveBeenCalled();
  // TensorBoard's own reader had these bytes (docs/log.md)
  expect(
    createHash("sha256")
      .update((await files())[0]!)
      .digest("hex"),
  ).toMatchInlineSnapshot(`"8027a814cea979d8dff663f5d11a78a2fc7d2d5f2e64682ac8bcb4de2bded084"`);
});

test("a folder that cannot be written is told of once, and nothing is thrown", async () => {
  await writeFile(path.join(out, "tensorboard"), "a file");
  const onFault = vi.fn();
  const board = await openBoard(out, { startStep: 0, runText: "", onFault });
  await board.write(train(1, 1));
  expect(onFault).toHaveBeenCalledOnce();
});
