import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadRun, parseRun } from "./load.js";
import { checkInputs } from "./paths.js";
import { runToYaml, writeRun } from "./write.js";

const RUN = `model: {path: base}
data:
  train: rows/train.jsonl
  validation: rows/dev.jsonl
  template: {prompt: "summarize: {dialogue}", completion: "{summary}"}
`;
const folder = mkdtempSync(path.join(tmpdir(), "attune-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const parse = (text: string, options = {}) => parseRun(text, { file: "runs.d/my-run.yaml", cwd: folder, ...options });
/** The lines of the error that a text gives; fails where it gives none. */
function faults(text: string, options = {}): string[] {
  try {
    parse(text, options);
  } catch (error) {
    expect(error).toMatchObject({ exitClass: "usage" });
    return (error as Error).message.split("\n");
  }
  throw new Error("accepted");
}

describe("a good run", () => {
  test("gets its defaults, and paths from its own folder; results go to the working folder", () => {
    const run = parse(RUN);
    expect(run.name).toBe("my-run");
    expect(run.model).toEqual({ path: path.join(folder, "runs.d/base") });
    expect(run.data.train).toBe(path.join(folder, "runs.d/rows/train.jsonl"));
    expect(run.out).toBe(path.join(folder, "runs/my-run"));
    expect(run.train).toMatchObject({ epochs: 3, lr: 3e-4, batch: 8, schedule: "cosine", warmup: 0.1, clipNorm: 1, seed: 42 });
    expect(run.lora).toBeNull();
  });

  test("learning rate by what is trained", () => {
    expect(parse(`${RUN}lora: {}`).train.lr).toBe(1e-3);
    expect(parse(`${RUN}lora: {}\ntrain: {lr: 5e-5}`).train.lr).toBe(5e-5);
    expect(parse(RUN.replace("{path: base}", "{init: {config: {d_model: 64}, tokenizer: t}}")).train.lr).toBe(1e-3);
  });

  test("--data replaces the folder only, --tokenizer that of a new model", () => {
    const text = RUN.replace("{path: base}", "{init: {config: {d_model: 64}, tokenizer: t}}");
    const run = parse(text, { dataFolder: "elsewhere", tokenizerFolder: "/t5" });
    expect(run.data.train).toBe(path.join(folder, "elsewhere/train.jsonl"));
    expect(run.data.validation).toBe(path.join(folder, "elsewhere/dev.jsonl"));
    expect(run.model.init?.tokenizer).toBe("/t5");
    expect(faults(RUN, { tokenizerFolder: "t5" })[0]).toMatch(/--tokenizer goes with model.init/);
  });

  test("overrides are YAML values at dotted paths, and the last one wins", () => {
    const overrides = ["train.lr=3e-4", "lora.targets=[q, k]", "train.steps=10", "train.steps=20", "data.validation=null"];
    const run = parse(RUN, { overrides });
    expect(run.train).toMatchObject({ lr: 3e-4, steps: 20 });
    expect(run.lora).toMatchObject({ rank: 8, targets: ["q", "k"] });
    expect(run.data.validation).toBeNull();
  });

  test("the length on the command line replaces the file's, whichever of the two it is; both at once contradict", () => {
    expect(parse(`${RUN}train: {epochs: 2}`, { overrides: ["train.steps=5"] }).train).toMatchObject({ steps: 5 });
    expect(parse(`${RUN}train: {epochs: 2}`, { overrides: ["max_steps=5"] }).train.epochs).toBeUndefined();
    expect(parse(`${RUN}train: {steps: 2}`, { overrides: ["train.epochs=5"] }).train.steps).toBeUndefined();
    expect(faults(RUN, { overrides: ["train.epochs=5", "train.steps=5"] })[0]).toMatch(/stands beside/);
  });

  test("written beside its results it reads back as the same run, its words untouched", async () => {
    const text = RUN.replace("summarize: {dialogue}", "Basic arithmetic, Bearer certificates1: {dialogue}");
    const run = parse(`${text}lora: {rank: 4}`, { overrides: ["train.lr=3e-4"] });
    const file = await writeRun(run);
    expect(await loadRun(file, { cwd: "/" })).toEqual(run);
    expect(readFileSync(file, "utf8")).toMatch(/^# The run as it was resolved/);
  });
});

test("a mixture written beside its results reads back as the same run, as does one with its first file named twice", () => {
  const mixture = "[{train: /d/a.jsonl, name: a}, {train: /d/b.jsonl, name: b}]";
  const text = RUN.replace(/train: .*/, `mixture: ${mixture}`);
  const run = parse(text);
  expect(run.data.train).toBe("/d/a.jsonl");
  expect(parse(runToYaml(run))).toEqual(run);
  expect(parse(text.replace("mixture:", "train: /d/a.jsonl\n  mixture:"))).toEqual(run);
});

describe("a bad run", () => {
  test("with a secret in it is refused, and each place named, but never the secret", () => {
    const token = `hf_${"canary".repeat(6)}`;
    const text = RUN.replace("rows/train", `rows/${token}/train`);
    const lines = faults(text, { overrides: [`out=runs/${token}`] });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^runs\.d\/my-run\.yaml:3:3: data\.train holds a token of the hub, .*takes .*from HF_TOKEN/);
    expect(lines[1]).toMatch(/^command line: out holds/);
    expect(lines.join()).not.toContain("canary");
  });

  test("tells all faults at once, in the file's order, with places and the key that was meant", () => {
    const text = `${RUN}train: {stesp: 3, lr: 0, batch: "8", warmup: 1.5}
lora: {targets: [], rnk: 3}
learning_rate: 2
lr: 3
`;
    expect(faults(text)).toEqual([
      "runs.d/my-run.yaml:6:9: unknown key train.stesp; did you mean train.steps?",
      "runs.d/my-run.yaml:6:19: train.lr must be more than 0, not 0",
      'runs.d/my-run.yaml:6:26: train.batch must be a number, not "8"',
      "runs.d/my-run.yaml:6:38: train.warmup must be a share below 1 or a whole number of steps",
      "runs.d/my-run.yaml:7:8: lora.targets must not be empty",
      "runs.d/my-run.yaml:7:21: unknown key lora.rnk; did you mean lora.rank?",
      "runs.d/my-run.yaml:8:1: learning_rate stands beside train.lr: both say train.lr",
      "runs.d/my-run.yaml:9:1: unknown key lr; did you mean train.lr?",
    ]);
  });

  test.each([
    ["a missing key", "model: {path: m}\ndata: {}", /:2:1: data.train is missing/],
    ["both kinds of model", RUN.replace("{path: base}", "{path: m, init: {config: {}, tokenizer: t}}"), /either path .* or init/],
    [
      "train beside mixture",
      RUN.replace("data:", "data:\n  mixture: [{train: a.jsonl}]"),
      /data.mixture stands beside data.train/,
    ],
    [
      "a template that is a name and a prompt",
      RUN.replace("{prompt:", "{name: alpaca, prompt:"),
      /data.template needs either a name or a prompt/,
    ],
    [
      "an unknown part of a template",
      RUN.replace("{prompt:", "{complet: x, prompt:"),
      /unknown key data.template.complet; did you mean data.template.completion\?/,
    ],
    [
      "a split beside a validation file",
      RUN.replace("  template", "  split: {validation: 0.1}\n  template"),
      /data.split stands beside data.validation/,
    ],
    ["a template without fields", RUN.replace("{summary}", "summary"), /completion names no field/],
    ["steps and epochs", `${RUN}train: {steps: 3, epochs: 2}`, /train.epochs stands beside train.steps/],
    ["warm-up as long as the run", `${RUN}train: {steps: 10, warmup: 10}`, /nothing is left to train/],
    ["frozen storage where nothing is frozen", `${RUN}train: {frozenStorage: bf16}`, /without lora every weight is trained/],
    [
      "a misspelt field of the model",
      RUN.replace("{path: base}", "{init: {config: {d_modle: 4}, tokenizer: t}}"),
      /mean model.init.config.d_model\?/,
    ],
    [
      "an unknown family",
      RUN.replace("{path: base}", "{init: {config: {model_type: gpt2}, tokenizer: t}}"),
      /must be t5 or opt, not "gpt2"/,
    ],
    ["a learning rate of 1000", `${RUN}train: {lr: 1e3}`, /train.lr must be at most 1, not 1000/],
    ["a learning rate that is no number", `${RUN}train: {lr: .nan}`, /train.lr must be a number, not NaN/],
    ["a number with an underscore", `${RUN}train: {steps: 1_000}`, /train.steps must be a number, not "1_000"/],
    ["a name that leaves its folder", `${RUN}name: ../x`, /name must be made of letters/],
    ["no mapping", "- 1\n- 2", /a run is a list of keys and values/],
    ["an empty file", "", /a run is a list of keys and values/],
    ["a key twice", `${RUN}name: a\nname: b`, /:7:1: Map keys must be unique/],
    ["a tag", `${RUN}name: !js/function x`, /Unresolved tag/],
    ["two documents", `${RUN}---\nname: b`, /multiple documents/],
  ])("%s", (_, text, message) => {
    expect(faults(text)).toHaveLength(1);
    expect(faults(text)[0]).toMatch(message);
  });

  test("malformed YAML is one line with its place", () => {
    expect(faults("model: [1\ndata: 2")).toEqual([expect.stringMatching(/^runs\.d\/my-run\.yaml:\d+:\d+: \S.*$/)]);
  });

  test("aliases that multiply are refused, not expanded", () => {
    const level = (name: string, below: string) => `${name}: &${name} [${Array(9).fill(`*${below}`)}]`;
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefgh".split("").map((name, i) => level(name, "abcdefgh"[i]!))].join("\n");
    expect(faults(bomb)[0]).toMatch(/alias/i);
  });

  test("overrides: a wrong key, a wrong value, no value, and the prototype", () => {
    expect(faults(RUN, { overrides: ["train.stpes=3"] })[0]).toBe(
      "command line: unknown key train.stpes; did you mean train.steps?",
    );
    expect(faults(RUN, { overrides: ["train.steps=many"] })[0]).toBe('command line: train.steps must be a number, not "many"');
    expect(faults(RUN, { overrides: ["train.steps"] })[0]).toMatch(/write KEY=VALUE/);
    expect(faults(RUN, { overrides: ["train.steps=[1"] })[0]).toMatch(/^train.steps=\[1: /);
    expect(faults(RUN, { overrides: ["__proto__.polluted=1"] })[0]).toMatch(/unknown key __proto__/);
    expect("polluted" in {}).toBe(false);
  });

  test("a missing file is one line", async () => {
    await expect(loadRun(path.join(folder, "none.yaml"))).rejects.toMatchObject({
      exitClass: "usage",
      message: expect.stringMatching(/none.yaml: no such file$/),
    });
  });

  test("missing inputs are told together", async () => {
    writeFileSync(path.join(folder, "train.jsonl"), "{}");
    const run = parse(RUN, { dataFolder: "." });
    await expect(checkInputs(run)).rejects.toMatchObject({
      exitClass: "data",
      message: expect.stringMatching(/^model.path: .*\ndata.validation: .*dev.jsonl: no such/),
    });
  });
});
