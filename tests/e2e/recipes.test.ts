// The recipes that come along: every one is a run whose files are there, and every tiny one goes from its YAML to a model that was evaluated
// before and after. On the real data sets where ../shared has them, else on the stand-ins, whose files are held to the script that made them.
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { isHubData } from "@attune/tuning";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareRun, tune } from "../../apps/cli/src/recipes/tune.js";
import { listRecipes } from "../../apps/cli/src/recipesList/recipesList.js";
import { loadRun } from "../../apps/cli/src/run/load.js";
import { isHubName } from "../../apps/cli/src/run/modelName.js";
import type { Run } from "../../apps/cli/src/run/schema.js";
import { measures, shortcomings, tenths } from "../../scripts/recipe-table.js";
import { standIns } from "../../scripts/stand-ins/files.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const REAL = path.resolve(root, "../shared/data");
const hasReal = ["tokenizers/t5", "tokenizers/opt", "dialogsum", "squad", "gsm8k"].every((name) =>
  existsSync(path.join(REAL, name)),
);
const quiet = { note() {}, step() {}, evaluating() {} };

/** A base comes before the run that builds on it. */
const TINY = [
  "tiny-opt-base",
  "tiny-phrasebank-lora",
  "tiny-phrasebank",
  "tiny-phrasebank-labels",
  "tiny-dialogsum-full",
  "tiny-dialogsum-lora",
  "tiny-alpaca",
  "tiny-squad",
  "tiny-flan",
  "tiny-sharegpt",
  "tiny-gsm8k",
  "tiny-multitask",
];
/** What they begin with is what tiny-opt-base makes. */
const ON_A_BASE = ["tiny-phrasebank-lora", "tiny-alpaca", "tiny-sharegpt"];
const FULL = [
  "dialogsum-flan-t5-full",
  "dialogsum-flan-t5-lora",
  "phrasebank-opt-lora",
  "phrasebank-opt-labels",
  "alpaca-opt-lora",
  "squad-flan-t5-lora",
  "flan-mixture-flan-t5",
  "sharegpt-opt-chat",
  "gsm8k-flan-t5-cot",
  "multitask-flan-t5",
];

describe("every recipe", () => {
  let recipes: Awaited<ReturnType<typeof listRecipes>>;
  beforeAll(async () => {
    recipes = await listRecipes();
  });

  it("is listed", () => {
    expect(recipes.map(({ name }) => name)).toEqual(expect.arrayContaining([...TINY, ...FULL]));
  });

  it("names files that are there, names on the hub, or what another recipe makes", () => {
    const made = new Set(recipes.map(({ name }) => path.join(root, "runs", name, "model")));
    for (const { name, run } of recipes) {
      if (name === "dialogsum-t5-mini") continue; // its data are the user's to name, as its comment says
      for (const file of filesOf(run)) {
        expect(existsSync(file) || isHubName(file) || isHubData(file) || made.has(file), `${name}: ${file}`).toBe(true);
      }
    }
  });

  it("of summaries and sentiment has the arguments that people know", () => {
    for (const name of FULL.filter((one) => /^(dialogsum|phrasebank)/.test(one))) {
      const { train, eval: evaluation, save } = recipes.find((one) => one.name === name)!.run;
      expect(train, name).toMatchObject({
        epochs: 3,
        batch: 8,
        accumulate: 2,
        schedule: "cosine",
        warmup: 0.1,
        weightDecay: 0.01,
        dropout: 0.1,
        logEvery: 10,
        earlyStopping: { patience: 3 },
      });
      expect([evaluation.every, evaluation.best, save.every], name).toEqual([100, "loss", 500]);
    }
  });
});

describe("the table of recipes", () => {
  const train = (step: number, updates: number, loss: number) => ({ kind: "train" as const, step, updates, loss });
  const evaluation = (step: number, metrics: Record<string, number>) => ({ kind: "eval" as const, step, evalLoss: 1, metrics });
  const result = { steps: 40, keptStep: 20, parameters: 1, trainableParameters: 1, trainSeconds: 1, evalSeconds: 1 };

  it("takes the reports that lie in the first and in the last tenth of the updates, by their updates", () => {
    const lines = [
      train(1, 1, 9),
      train(2, 1, 8),
      train(4, 2, 6),
      train(20, 16, 4),
      train(36, 16, 3),
      train(38, 2, 2),
      train(40, 2, 1),
    ];
    expect(tenths(lines, 40)).toEqual({ first: (9 + 8 + 2 * 6) / 4, last: 1.5 });
    expect(tenths([train(10, 10, 5), train(40, 30, 2)], 40)).toEqual({ first: 5, last: 2 }); // reports are longer than a tenth
  });

  it("sets the untuned model beside the weights that were kept, each task by its own measure", () => {
    const score = (task: string | null, metric: string, headline: string) => ({ task, metric, headline, rows: 4 });
    const scores = [score("qa", "squad", "f1"), score("news", "classification", "accuracy")];
    const found = [0, 20, 40].map((step) => evaluation(step, { "qa/f1": step, "news/f1_macro": step / 100 }));
    expect(measures({ ...result, scores }, found)).toEqual([
      "qa: squad f1 0.000 -> 20.000",
      "news: classification f1_macro 0.000 -> 0.200",
    ]);
    expect(() => measures({ ...result, scores }, found.slice(1))).toThrow(/eval.first/);
  });

  it("with --check refuses a loss above four fifths, and a measure that is not above the untuned one", () => {
    const change = (before: number, after: number, isBetterLow = false) => [{ name: "f1", before, after, isBetterLow }];
    expect(shortcomings({ first: 5, last: 4 }, change(0.1, 0.2))).toEqual([]);
    expect(shortcomings({ first: 5, last: 4 }, change(2, 1, true))).toEqual([]);
    expect(shortcomings({ first: 5, last: 4.1 }, change(0.2, 0.2))).toEqual([
      "training loss falls to 0.82 of what it was, not to 0.8",
      "f1 is 0.200, and untuned it was 0.200",
    ]);
    expect(shortcomings({ first: 5, last: Number.NaN }, change(0, Number.NaN))).toHaveLength(2);
  });
});

describe("the stand-ins", () => {
  it("are what scripts/make-stand-ins.ts writes, below 1 MB", async () => {
    const folder = path.join(root, "data/stand-ins");
    const files = standIns();
    const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(found.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort()).toEqual(
      [...files.keys()].sort(),
    );
    for (const [name, bytes] of files) expect((await readFile(path.join(folder, name))).equals(bytes), name).toBe(true);
    expect([...files.values()].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(1e6);
  });

  it.each(TINY)("are enough for %s", async (name) => {
    // another base than the one that tiny-opt-base would have made: the rows are what counts
    const overrides = ON_A_BASE.includes(name) ? [`model.path=${JSON.stringify(path.join(root, "data/bundled/base"))}`] : [];
    const run = await loadRun(path.join(root, "recipes", `${name}.yaml`), { overrides });
    const { data, evaluations } = await prepareRun(run);
    expect(data.count).toBeGreaterThan(50);
    expect(data.held.reduce((sum, { batches }) => sum + batches.length, 0)).toBeGreaterThan(0);
    expect(evaluations.first).toBe(true);
  });
});

describe(`a few updates on ${hasReal ? "the real files under ../shared/data" : "the stand-ins (../shared/data is not there)"}`, () => {
  let device: NodeDevice;
  let out: string;
  beforeAll(async () => {
    device = await openDevice();
    out = await mkdtemp(path.join(tmpdir(), "attune-recipes-"));
  });
  afterAll(async () => {
    device.destroy();
    await rm(out, { recursive: true });
  });

  it.each(TINY)("%s", async (name) => {
    const overrides = [
      ...["train.steps=2", "train.warmup=0", "train.schedule=constant", "train.dropout=0", "train.logEvery=1", "train.batch=4"],
      ...[
        "data.limit=60",
        "data.maxSource=64",
        "data.maxTarget=24",
        "eval.rows=4",
        "eval.generateRows=4",
        "eval.batch=4",
        "eval.maxNewTokens=4",
        "save.every=null",
      ],
      `out=${JSON.stringify(path.join(out, name))}`,
      ...(ON_A_BASE.includes(name) ? [`model.path=${JSON.stringify(path.join(out, "tiny-opt-base", "model"))}`] : []),
    ];
    const run = await loadRun(path.join(root, "recipes", `${name}.yaml`), {
      overrides,
      ...(hasReal ? { dataFolder: REAL } : {}),
    });
    const result = await tune(device, await prepareRun(run), quiet);
    expect(result.steps).toBe(2);
    expect(Number.isFinite(result.lastLoss)).toBe(true);
    expect(existsSync(path.join(result.savedTo, run.lora ? "adapter_model.safetensors" : "model.safetensors"))).toBe(true);

    const [before, ...later] = result.evaluations;
    expect(before!.step).toBe(0);
    expect(later.at(-1)!.step).toBe(2);
    expect(later.at(-1)!.evalLoss).toBeLessThan(before!.evalLoss); // of the same rows; training losses are of different ones
    if (run.objective === "causalLm") return; // nothing is asked
    expect(Object.keys(before!.metrics!).length).toBeGreaterThan(0);
    expect(Object.keys(later.at(-1)!.metrics!)).toEqual(Object.keys(before!.metrics!));
    expect(result.scores.map(({ task }) => task)).toEqual(run.data.mixture?.map((set) => set.name) ?? [null]);
    if (run.eval.method === "likelihood")
      for (const answer of result.answers) expect(["negative", "neutral", "positive"]).toContain(answer.trim());
  });
});

const filesOf = ({ model, data }: Run): string[] =>
  [
    model.path,
    model.init?.tokenizer,
    data.train,
    data.validation,
    ...(data.mixture ?? []).flatMap(({ train, validation }) => [train, validation]),
  ].filter((file) => typeof file === "string");
