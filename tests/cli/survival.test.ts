// A training whose readers, terminal or folder go away: what was trained is saved all the same.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { prepareRun, tune } from "../../apps/cli/src/recipes/tune.js";
import { loadRun } from "../../apps/cli/src/run/load.js";
import { attuneInTurn } from "./attune.js";
import { TINY, tinyTensors, writeTinyModel } from "./tinyModel.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = ["--import", "tsx", "--conditions=@attune/source"];

/** The id of "▁a" in the tiny tokenizer. */
const LETTER_A = 3;

let folder: string;
const at = (...parts: string[]) => path.join(folder, ...parts);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-survival-"));
  await writeTinyModel(at("model"));
  await writeFile(
    at("rows.jsonl"),
    Array.from({ length: 16 }, (_, i) => `${JSON.stringify({ a: "abcdefgh"[i % 8]!, b: "x" })}\n`).join(""),
  );
  await writeFile(at("run.yaml"), [
    "name: tiny", "model: {path: model}",
    'data: {train: rows.jsonl, template: {prompt: "{a}", completion: "{b}"}, maxSource: 8, maxTarget: 8}',
    "train: {steps: 3, batch: 4, warmup: 0, logEvery: 1}", "",
  ].join("\n")); // biome-ignore format: as the file has it
});
afterAll(() => rm(folder, { recursive: true }));

interface Started {
  child: ChildProcess;
  /** What was read of both streams. */
  text(): string;
  ended: Promise<number | null>;
}

function train(out: string, words: readonly string[] = [], readAtMost = Number.POSITIVE_INFINITY): Started {
  const line = [...SOURCES, "apps/cli/src/main.ts", "train", at("run.yaml"), "--out", out, ...words];
  // a group of its own, as a terminal's job has
  const child = spawn(process.execPath, line, { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
      if (text.length <= readAtMost) return;
      child.stdout.destroy();
      child.stderr.destroy();
    });
  return { child, text: () => text, ended: once(child, "exit").then(([code]) => code as number | null) };
}

const stepsOf = (out: string) => readdir(path.join(out, "checkpoints")).catch((): string[] => []);

async function until(is: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await is())) {
    if (performance.now() > end) throw new Error("it never came");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a reader that goes (2>&1 | head) costs the display, not the run", async () => {
  const out = at("head");
  const { ended, text } = train(out, [], 1);
  expect(await ended).toBe(0);
  expect(text().length).toBeLessThan(2000);
  expect(await readdir(out)).toEqual(expect.arrayContaining(["model", "result.json"]));
  expect(await readdir(out)).not.toContain(".lock");
});

test("a signal that comes twice at once, as from a terminal and from the launcher, is one: the update ends and is saved", async () => {
  const stopped = async (signal: "SIGHUP" | "SIGINT") => {
    const out = at(signal);
    const { child, ended, text } = train(out, ["train.steps=100000", "save.every=null"]);
    await until(async () => (await readFile(path.join(out, "metrics.jsonl"), "utf8").catch(() => "")).length > 0);
    process.kill(-child.pid!, signal);
    child.kill(signal);
    const code = await ended;
    expect(text()).toMatch(/stopped after step \d+; --resume goes on from here/);
    expect(await stepsOf(out)).toHaveLength(1);
    expect(await readdir(out)).not.toContain(".lock");
    return code;
  };
  expect(await Promise.all([stopped("SIGHUP"), stopped("SIGINT")])).toEqual([129, 130]);
});

test("numbers that are none end a run with code 7, or are passed over as often as it allows", async () => {
  const tensors = tinyTensors().map((tensor) => {
    if (tensor.name !== "shared.weight") return tensor;
    const values = new Float32Array(tensor.bytes.slice().buffer);
    values[TINY.dModel * LETTER_A] = Number.NaN; // read where the letter is
    return { ...tensor, bytes: new Uint8Array(values.buffer) };
  });
  await writeTinyModel(at("broken"), tensors);
  const line = (out: string, ...words: string[]) => [
    "train",
    at("run.yaml"),
    "--out",
    at(out),
    `model.path=${at("broken")}`,
    ...words,
  ];
  const [stopped, passed] = await attuneInTurn(
    [line("stopped", "train.batch=16"), line("passed", "train.batch=1", "train.steps=16", "train.skipNonFinite=6")],
    process.env,
  );
  expect(stopped).toMatchObject({ code: 7 });
  expect(stopped!.stderr).toMatch(
    /error: the loss is NaN at update \d \(gradient norm NaN, first of [\w.]+: NaN at .*\); the weights are those after update \d.*ATTUNE_DEBUG=5 names/,
  );
  expect(await readdir(at("stopped"))).not.toContain("crash.json");
  expect(passed).toMatchObject({ code: 0 });
  expect(passed!.stderr).toMatch(
    /without a finite gradient passed over, the weights stay as they were; \d of 6 that train\.skipNonFinite allows/,
  );
});

test("a disk without room is told before the first update", async () => {
  const run = await loadRun(at("run.yaml"), { overrides: [`out=${at("full")}`] });
  const device = await openDevice();
  try {
    const begun = tune(device, await prepareRun(run), { note() {}, step() {}, evaluating() {} }, { freeBytes: 1000 });
    await expect(begun).rejects.toMatchObject({
      exitClass: "storage",
      message: expect.stringMatching(/the disk has 1000 B free, and the run needs .* at least/),
    });
  } finally {
    device.destroy();
  }
  const left = await readdir(at("full"));
  for (const name of ["metrics.jsonl", "checkpoints", ".lock"]) expect(left).not.toContain(name);
});
