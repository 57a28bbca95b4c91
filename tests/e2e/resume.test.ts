// Runs that are killed at any moment and go on end with the bits of the run that was not; what a folder holds is never mixed with another
// run's.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IS_LONG = Boolean(process.env.ATTUNE_LONG);
const STEPS = IS_LONG ? 90 : 12;
const FEW = [
  `train.steps=${STEPS}`, "train.logEvery=3", "train.dropout=0.1", "save.every=2", "data.limit=64",
  "eval.rows=2", "eval.batch=2", "eval.maxNewTokens=4",
]; // biome-ignore format: few lines

let out: string;
beforeAll(async () => {
  out = await mkdtemp(path.join(tmpdir(), "attune-resume-"));
});
afterAll(() => rm(out, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

interface Running {
  kill(signal: NodeJS.Signals): void;
  isOver(): boolean;
}

/** `attune train` from source; `during` sees it run. */
function trainRun(
  recipe: string,
  folder: string,
  more: readonly string[] = [],
  during?: (running: Running) => Promise<void>,
): Promise<Ended> {
  const words = ["--conditions=@attune/source", "--import=tsx", "apps/cli/src/main.ts", "train", `recipes/${recipe}.yaml`];
  const child = spawn(process.execPath, [...words, ...FEW, "--out", folder, ...more], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const watched = during?.({ kill: (signal) => void child.kill(signal), isOver });
  return new Promise((resolve) =>
    child.on("close", async (code, signal) => {
      await watched;
      resolve({ code, signal, stderr });
    }),
  );
}

interface RecordRow {
  kind: string;
  step: number;
  loss?: number;
  lossEma?: number;
  examplesSeen?: number;
  lossScale?: number;
  evalLoss?: number;
}
const metricsOf = async (folder: string): Promise<RecordRow[]> =>
  (await readFile(path.join(folder, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const stepsOf = (folder: string): Promise<string[]> => readdir(path.join(folder, "checkpoints")).catch(() => []);

/** Until a run has come so far, or is over. */
async function until(is: () => Promise<boolean>, isOver: () => boolean): Promise<void> {
  while (!isOver() && !(await is())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const whole = (names: readonly string[]): string[] => names.filter((name) => /^step-\d+$/.test(name));
const hasNew = (folder: string, had: readonly string[]) => async () =>
  whole(await stepsOf(folder)).some((name) => !had.includes(name));
const isTrained = (folder: string) => async () =>
  (await metricsOf(folder).catch(() => [])).some(({ kind, step }) => kind === "train" && step === STEPS);

/** Numbers from 0 to 1 that a seed fixes (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Milliseconds of the run that nobody killed: to its first checkpoint, a step, and from its last update to its end. */
interface Life {
  start: number;
  step: number;
  end: number;
}

async function wholeLife(recipe: string, folder: string, given: readonly string[]): Promise<Life> {
  const began = performance.now();
  const life = { start: 0, step: 0, end: 0 };
  let trained = began;
  const ended = await trainRun(recipe, folder, given, async ({ isOver }) => {
    await until(hasNew(folder, []), isOver);
    life.start = performance.now() - began;
    await until(isTrained(folder), isOver);
    trained = performance.now();
  });
  expect(ended).toMatchObject({ code: 0 });
  life.step = Math.max(1, (trained - began - life.start) / (STEPS - 2));
  life.end = performance.now() - trained;
  return life;
}

/**
 * When a process is killed: "any" is any moment from its first instruction on, start-up and the few steps that it may do before; "step" is within
 * the steps behind a checkpoint, where others are written; "end" is behind the last update: the last checkpoint, evaluation, the model.
 */
type Moment = "any" | "step" | "end";
const MOMENTS: readonly Moment[] = ["any", "step", "any"];

interface Case {
  recipe: string;
  weights: string;
  precision: "f32" | "f16";
  more: readonly string[];
  /** In CI: one kill. In the long mode there are thirty, at all moments. */
  moments: readonly Moment[];
}

const [ADAPTER, MODEL] = ["adapter/adapter_model.safetensors", "model/model.safetensors"];
// f16: the loss is scaled, frozen weights are halves; a full run is evaluated on the way and keeps the best weights
const CASES: readonly Case[] = [
  { recipe: "bundled-lora", weights: ADAPTER, precision: "f32", more: [], moments: ["step"] },
  { recipe: "bundled-lora", weights: ADAPTER, precision: "f16", more: ["train.frozenStorage=f16"], moments: [] },
  { recipe: "bundled-full", weights: MODEL, precision: "f32", more: ["eval.every=3"], moments: ["end"] },
  { recipe: "bundled-full", weights: MODEL, precision: "f16", more: ["eval.every=5"], moments: ["step"] },
];
const LONG: readonly Moment[] = [...Array.from({ length: 27 }, (_, i) => MOMENTS[i % MOMENTS.length]!), "end", "end", "end"];

describe.each(CASES.filter(({ moments }) => IS_LONG || moments.length > 0))(
  "$recipe, $precision",
  ({ recipe, weights, precision, more, moments }) => {
    const wanted = IS_LONG ? LONG : moments;
    it(`killed ${wanted.length} times, has the bits of the run that was not`, { timeout: 7_200_000 }, async () => {
      const given = [`train.precision=${precision}`, ...more];
      const name = precision === "f32" ? recipe : `${recipe}-${precision}`;
      const unbroken = path.join(out, `${name}-whole`);
      const life = await wholeLife(recipe, unbroken, given);

      const broken = path.join(out, `${name}-broken`);
      const random = randomFrom(CASES.findIndex((one) => one.recipe === recipe && one.precision === precision) + 1);
      // so that thirty kills fit into the run
      const reach = life.start + 2 * life.step;
      let kills = 0;
      for (let attempts = 0, shorter = 1; kills < wanted.length && attempts < 3 * wanted.length; attempts++) {
        const had = await stepsOf(broken);
        const isFirst = whole(had).length === 0;
        const share = random() * shorter;
        // a run that is trained already writes no more checkpoints: it can be killed while it begins and while it is evaluated again
        const wasTrained = had.includes(`step-${String(STEPS).padStart(6, "0")}`);
        const moment = wasTrained ? "any" : wanted[kills]!;
        const { code, signal, stderr } = await trainRun(
          recipe,
          broken,
          [...given, isFirst ? "--overwrite" : "--resume"],
          async ({ kill, isOver }) => {
            if (moment === "step") await until(hasNew(broken, had), isOver);
            if (moment === "end") await until(isTrained(broken), isOver);
            const span = { any: reach, step: Math.max(100, 2 * life.step), end: life.end }[moment];
            await new Promise((resolve) => setTimeout(resolve, share * span));
            kill("SIGKILL");
          },
        );
        if (signal !== null) kills++;
        else expect(code, stderr).toBe(0); // it was quicker: tried again, earlier
        shorter = signal === null ? shorter / 2 : 1;
      }
      expect(kills).toBe(wanted.length);
      const last = await trainRun(recipe, broken, [...given, "--resume"]);
      expect(last).toMatchObject({ code: 0 });
      expect(last.stderr).toMatch(/resumed at step \d+ from/);
      const [expected, found] = [await readFile(path.join(unbroken, weights)), await readFile(path.join(broken, weights))];
      expect(Buffer.compare(found, expected)).toBe(0);
      const numbers = (rows: RecordRow[]) =>
        rows.map(({ kind, step, loss, lossEma, examplesSeen, lossScale, evalLoss }) =>
          [kind, step, loss, lossEma, examplesSeen, lossScale, evalLoss]); // biome-ignore format: one line
      if (precision === "f16") expect((await metricsOf(unbroken))[0]).toMatchObject({ lossScale: 65536 });
      expect(numbers(await metricsOf(broken))).toEqual(numbers(await metricsOf(unbroken)));
      expect((await readdir(broken)).filter((name) => name.endsWith(".tmp") || name === ".lock")).toEqual([]);
    });
  },
);

describe("a folder that holds a run", () => {
  const folder = () => path.join(out, "bundled-lora-whole");

  it("is not mixed with another", async () => {
    const again = await trainRun("bundled-lora", folder());
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(
      new RegExp(`holds a run that has a checkpoint at step ${STEPS}; go on with --resume, replace it`),
    );
    const other = await trainRun("bundled-lora", folder(), ["train.lr=0.5", "train.seed=7", "--resume"]);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /was made by another run: train.lr was 0\.\d+ and is 0.5, train.seed was 42 and is 7; undo the change/,
    );
  });

  it("is passed over to an older checkpoint where the newest is damaged", async () => {
    const newest = (await stepsOf(folder())).sort().at(-1)!;
    await truncate(path.join(folder(), "checkpoints", newest, "trainer.safetensors"), 100);
    const { code, stderr } = await trainRun("bundled-lora", folder(), ["--resume"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/trainer.safetensors has 100 bytes, expected \d+; the checkpoint before it is taken/);
    expect(stderr).toMatch(new RegExp(`resumed at step ${STEPS - 2} from`));
  });

  it("is left in order by SIGTERM while answers are generated", async () => {
    const stopped = path.join(out, "terminated");
    const many = ["train.steps=2", "train.warmup=0", "save.every=null", "eval.rows=64", "eval.batch=1", "eval.maxNewTokens=40"];
    const { code, stderr } = await trainRun("bundled-lora", stopped, many, async ({ kill }) => {
      const end = performance.now() + 60_000;
      const isEvaluated = async () => (await metricsOf(stopped).catch(() => [])).some(({ kind }) => kind === "eval");
      while (performance.now() < end && !(await isEvaluated())) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 500));
      kill("SIGTERM");
    });
    expect(stderr).not.toMatch(/bug:/);
    expect(code).toBe(143);
    expect(await readdir(path.join(stopped, "adapter"))).toContain("adapter_model.safetensors"); // saved before
    expect(await readdir(stopped)).not.toContain("result.json");
    expect(await stepsOf(stopped)).toEqual(["step-000002"]); // only interruptions save, and this is one
  });

  it("saves a checkpoint when it is interrupted, and says how to go on", async () => {
    const stopped = path.join(out, "stopped");
    const { code, stderr } = await trainRun("bundled-lora", stopped, ["save.every=null"], async ({ kill }) => {
      const end = performance.now() + 60_000;
      while (performance.now() < end && (await metricsOf(stopped).catch(() => [])).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
      kill("SIGINT");
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped after step \d+; --resume goes on from here/);
    expect(await stepsOf(stopped)).toHaveLength(1);
    expect(await trainRun("bundled-lora", stopped, ["save.every=null", "--resume"])).toMatchObject({ code: 0 });
    const weights = "adapter/adapter_model.safetensors";
    const [expected, found] = [await readFile(path.join(folder(), weights)), await readFile(path.join(stopped, weights))];
    expect(Buffer.compare(found, expected)).toBe(0);
  });
});
