// The course of a run with a trainer of plain data: when checkpoints are saved, and what is saved when something goes wrong.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunFolder } from "./runFolder.js";
import { type RunLoop, runLoop } from "./runLoop.js";
import { NO_PROGRESS } from "./runProgress.js";

let out: string;
let notes: string[];
let judged: number[];
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), "attune-loop-"));
  notes = [];
  judged = [];
});
afterEach(() => rm(out, { recursive: true }));

interface Course {
  steps: number;
  every: number | null;
  logEvery?: number;
  /** Called in front of update n, from 0. */
  beforeUpdate?: (n: number) => void;
  /** Of the evaluation after each second update. */
  evaluate?: (step: number) => void;
  /** Of the reports: finite where left out. */
  loss?: (step: number) => number;
  /** What the disk says to a checkpoint. */
  takes?: (step: number) => boolean;
  signal?: AbortSignal;
}

/** Runs the course; the steps whose checkpoints were saved. */
async function run(course: Course) {
  const { steps, every, logEvery = 1, beforeUpdate = () => {}, evaluate, loss = () => 1, takes = () => true, signal } = course;
  const saved: number[] = [];
  const trainer = {
    step: 0,
    skippedBefore: 0,
    options: { trainable: { size: 1 } },
    update() {
      beforeUpdate(this.step++);
      return 1;
    },
    pace: async () => {},
    positions: () => 0,
    async readLoss() {
      return { loss: loss(this.step), gradNorm: 1, lr: 1e-3, update: { skipped: 0, scale: 1 } };
    },
    faultsOf: async () => ({ losses: [], gradient: { norm: Number.NaN, first: null } }),
  };
  let savedAt: number | null = null;
  const folder: Partial<RunFolder> = {
    startStep: 0,
    progress: NO_PROGRESS,
    get savedAt() {
      return savedAt;
    },
    async save({ step }) {
      if (!takes(step)) return false;
      saved.push(step);
      savedAt = step;
      return true;
    },
  };
  const parts = {
    prepared: {
      run: { out, save: { every }, train: { logEvery, earlyStopping: null }, log: { tensorboard: false } },
      data: {
        totalSteps: steps,
        plan: { updatesPerEpoch: steps },
        *updates() {
          for (let n = 0; n < steps; n++) yield [];
        },
      },
    },
    folder,
    trainer,
    evaluator: {
      async evaluate(step: number) {
        evaluate!(step);
        return { record: { kind: "eval", step, evalLoss: 1 }, samples: [] };
      },
    },
    rate: { judge: ({ step }: { step: number }) => judged.push(step) },
    plan: { first: false, interval: evaluate ? 2 : null, points: evaluate ? 1 : 0, measures: [], best: null },
    listener: { note: (line: string) => notes.push(line), step() {}, evaluating() {} },
    peakFlops: null,
    signal,
  };
  const ended = await runLoop(parts as unknown as RunLoop).then(
    () => null,
    (error: unknown) => error as Error,
  );
  return { saved, ended };
}

const written = async () =>
  (await readFile(path.join(out, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).step);

test("a checkpoint every so many updates and at the end, not twice at one step; none where only interruptions save", async () => {
  expect(await run({ steps: 5, every: 2 })).toEqual({ saved: [2, 4, 5], ended: null });
  expect((await run({ steps: 4, every: 2 })).saved).toEqual([2, 4]);
  expect((await run({ steps: 3, every: 500 })).saved).toEqual([3]);
  expect((await run({ steps: 3, every: null })).saved).toEqual([]);
});

test("an interruption saves the step at hand, and promises only what is there", async () => {
  const stopAt = (n: number) => {
    const controller = new AbortController();
    return {
      signal: controller.signal,
      beforeUpdate: (done: number) => void (done === n && controller.abort(new Error("stop"))),
    };
  };
  expect(await run({ steps: 9, every: null, logEvery: 4, ...stopAt(5) })).toEqual({ saved: [6], ended: null });
  expect(notes).toEqual(["stopped after step 6; --resume goes on from here"]);
  expect((await run({ steps: 9, every: 2, ...stopAt(4), takes: (step) => step !== 5 })).saved).toEqual([2, 4]);
  expect(notes.at(-1)).toBe("stopped after step 5; the last checkpoint is of step 4");
});

test("the learning rate hears of each evaluation", async () => {
  expect(await run({ steps: 6, every: null, evaluate() {} })).toEqual({ saved: [], ended: null });
  expect(judged).toEqual([2, 4, 6]);
});

test("a bug between two updates costs nothing that was trained; the error goes on", async () => {
  const bug = new TypeError("x is undefined");
  const evaluate = (step: number) => {
    if (step === 4) throw bug;
  };
  expect(await run({ steps: 9, every: 500, evaluate })).toEqual({ saved: [4], ended: bug });
  expect(notes).toEqual(["step 4 is saved; --resume goes on from here"]);
  expect(await written()).toEqual([1, 2, 2, 3, 4]);
  // updates without a report would be missing in it
  const beforeUpdate = (n: number) => {
    if (n === 6) throw bug;
  };
  expect(await run({ steps: 9, every: 500, logEvery: 4, beforeUpdate })).toEqual({ saved: [], ended: bug });
});

test("numbers that are none save nothing, and tell of the last checkpoint", async () => {
  const { saved, ended } = await run({ steps: 9, every: 2, loss: (step) => (step === 5 ? Number.NaN : 1) });
  expect(saved).toEqual([2, 4]);
  expect(ended).toMatchObject({ exitClass: "numerics", message: expect.stringMatching(/; the last checkpoint is of step 4$/) });
});

test("a metrics.jsonl that cannot be written ends nothing: told once, and what is missing at the end", async () => {
  await mkdir(path.join(out, "metrics.jsonl"));
  expect(await run({ steps: 3, every: 2 })).toEqual({ saved: [2, 3], ended: null });
  expect(notes).toEqual([
    expect.stringMatching(/^metrics\.jsonl cannot be written: EISDIR.*training goes on$/),
    "metrics.jsonl lacks its last 3 lines: the disk refused them to the end",
  ]);
});
