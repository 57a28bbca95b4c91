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
const STEPS = IS_LONG ? 60 : 12;
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

/** `attune train` from source; `during` sees it run. */
function trainRun(
  recipe: string,
  folder: string,
  more: readonly string[] = [],
  during?: (kill: (signal: NodeJS.Signals) => void) => Promise<void>,
): Promise<Ended> {
  const words = ["--conditions=@attune/source", "--import=tsx", "apps/cli/src/main.ts", "train", `recipes/${recipe}.yaml`];
  const child = spawn(process.execPath, [...words, ...FEW, "--out", folder, ...more], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  void during?.((signal) => child.kill(signal));
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stderr })));
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

/** Until the run has gone beyond what it had, or for so long. */
async function untilNew(folder: string, had: readonly string[], milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    if ((await stepsOf(folder)).some((name) => /^step-\d+$/.test(name) && !had.includes(name))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// f16: the loss is scaled, frozen weights are halves; the full run is evaluated on the way and keeps the best weights
describe.each([
  ["bundled-lora", "adapter/adapter_model.safetensors", IS_LONG ? 30 : 2, "f32", []],
  ["bundled-lora", "adapter/adapter_model.safetensors", IS_LONG ? 30 : 1, "f16", ["train.frozenStorage=f16"]],
  ["bundled-full", "model/model.safetensors", IS_LONG ? 30 : 1, "f32", ["eval.every=3"]],
] as const)("%s", (recipe, weights, wanted, precision, more) => {
  it(`killed ${wanted} times in ${precision}, has the bits of the run that was not`, { timeout: 3_600_000 }, async () => {
    const given = [`train.precision=${precision}`, ...more];
    const name = precision === "f32" ? recipe : `${recipe}-${precision}`;
    const whole = path.join(out, `${name}-whole`);
    expect(await trainRun(recipe, whole, given)).toMatchObject({ code: 0 });

    const broken = path.join(out, `${name}-broken`);
    let kills = 0;
    while (kills < wanted) {
      const had = await stepsOf(broken);
      const isFirst = had.filter((name) => /^step-\d+$/.test(name)).length === 0;
      const { signal } = await trainRun(recipe, broken, [...given, isFirst ? "--overwrite" : "--resume"], async (kill) => {
        await untilNew(broken, had, 60_000);
        await new Promise((resolve) => setTimeout(resolve, (kills * 37) % 101)); // within a step, or within a checkpoint
        kill("SIGKILL");
      });
      if (signal === null) break; // it was over before
      kills++;
    }
    expect(kills).toBeGreaterThanOrEqual(1);
    const last = await trainRun(recipe, broken, [...given, "--resume"]);
    expect(last).toMatchObject({ code: 0 });
    expect(last.stderr).toMatch(/resumed at step \d+ from/);
    const [expected, found] = [await readFile(path.join(whole, weights)), await readFile(path.join(broken, weights))];
    expect(Buffer.compare(found, expected)).toBe(0);
    const numbers = (rows: RecordRow[]) =>
      rows.map(({ kind, step, loss, lossEma, examplesSeen, lossScale, evalLoss }) =>
        [kind, step, loss, lossEma, examplesSeen, lossScale, evalLoss]); // biome-ignore format: one line
    if (precision === "f16") expect((await metricsOf(whole))[0]).toMatchObject({ lossScale: 65536, skipped: 0 });
    expect(numbers(await metricsOf(broken))).toEqual(numbers(await metricsOf(whole)));
    expect((await readdir(broken)).filter((name) => name.endsWith(".tmp") || name === ".lock")).toEqual([]);
  });
});

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
    const { code, stderr } = await trainRun("bundled-lora", stopped, many, async (kill) => {
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
  });

  it("saves a checkpoint when it is interrupted, and says how to go on", async () => {
    const stopped = path.join(out, "stopped");
    const { code, stderr } = await trainRun("bundled-lora", stopped, ["save.every=null"], async (kill) => {
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
