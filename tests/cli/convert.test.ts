// attune convert as a person runs it: from a folder and from the hub, and what it refuses.
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openModelFolder, toFloat32 } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startHub } from "../../packages/models/testing/hubServer.js";
import { attuneInTurn } from "./attune.js";
import { tinyTensors, writeTinyModel } from "./tinyModel.js";

let dir: string;
const at = (name: string) => path.join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "attune-convert-"));
  await writeTinyModel(at("model"));
});
afterAll(() => rm(dir, { recursive: true }));

it("converts types and shards, refuses what it must, and leaves nothing half-written", async () => {
  await writeTinyModel(
    at("large"),
    tinyTensors().map((tensor) => ({
      ...tensor,
      bytes: new Uint8Array(new Float32Array(tensor.bytes.length / 4).fill(1e6).buffer),
    })),
  );
  const lines = [
    ["convert", at("model"), at("sharded"), "--dtype", "bfloat16", "--max-shard-size", "3kB"],
    ["convert", at("model"), at("sharded")],
    ["convert", at("sharded"), at("out")],
    ["convert", at("model"), at("out"), "--force"],
    ["convert", at("large"), at("never"), "--dtype", "f16"],
    ["convert", at("large"), at("clamped"), "--dtype", "f16", "--clamp"],
    ["convert", at("model"), dir, "--force"],
    ["convert", at("model"), at("x"), "--max-shard-size", "big"],
    ["convert", at("model"), at("x"), "--dtype", "f8"],
  ];
  const [sharded, full, joined, forced, overflow, clamped, around, size, type] = await attuneInTurn(lines, {});
  expect(sharded).toMatchObject({ code: 0 });
  expect(full).toMatchObject({ code: 2, stderr: expect.stringMatching(/sharded: is not empty; .*--force\n?$/) });
  expect(joined).toMatchObject({ code: 0 });
  expect((await readdir(at("sharded"))).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(1);
  expect(forced).toMatchObject({ code: 0 });
  expect((await readdir(at("out"))).filter((name) => name.startsWith("model"))).toEqual(["model.safetensors"]);
  expect(await readFile(path.join(at("out"), "tokenizer.json"))).toEqual(
    await readFile(path.join(at("model"), "tokenizer.json")),
  );
  expect((await openModelFolder(diskFiles(at("out")))).notes).toEqual([]);
  expect(overflow!.code).toBe(3);
  expect(overflow!.stderr).toMatch(/^error: .*never: values beyond f16's 65,504 in \d+ tensors: .*$/m);
  expect(existsSync(at("never"))).toBe(false);
  expect(clamped).toMatchObject({ code: 0 });
  const { checkpoint } = await openModelFolder(diskFiles(at("clamped")));
  expect(toFloat32("", await checkpoint.read("shared.weight"))[0]).toBe(65504);
  expect(around).toMatchObject({ code: 2, stderr: expect.stringMatching(/holds the model that is read/) });
  expect(size).toMatchObject({ code: 2, stderr: expect.stringMatching(/expected a size such as 500MB/) });
  expect(type).toMatchObject({ code: 2, stderr: expect.stringMatching(/expected f32, bf16 or f16/) });
  expect((await readdir(dir)).filter((name) => name.startsWith("."))).toEqual([]);
});

it("takes a name on the hub, and says what is wrong with one without showing the token", async () => {
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(at("model"))) files[name] = await readFile(path.join(at("model"), name));
  const hub = await startHub("org/tiny", files);
  try {
    const token = "hf_canaryCanaryCanary";
    const env = { HF_HOME: at("hf"), HF_ENDPOINT: hub.url, HF_TOKEN: token };
    const lines = [
      ["convert", "org/tiny", at("fetched")],
      ["convert", "org/other", at("other")],
    ];
    const [fetched, missing] = await attuneInTurn(lines, env);
    expect(fetched).toMatchObject({ code: 0 });
    expect((await openModelFolder(diskFiles(at("fetched")))).kind).toBe("t5");
    expect(missing).toMatchObject({ code: 3, stdout: "" });
    expect(missing!.stderr).toMatch(/^error: org\/other: no such model on .*; nor is there a folder org\/other here\n?$/);
    for (const { stdout, stderr } of [fetched!, missing!]) expect(stdout + stderr).not.toContain(token);
  } finally {
    await hub.close();
  }
});
