// attune push against a hub of our own: what arrives, what stays here, what is told where it is refused, and the token nowhere.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { LORA_DEFAULTS, writeAdapter } from "@attune/models";
import { diskSink } from "@attune/models/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { push } from "../../apps/cli/src/push/push.js";
import { attuneInTurn } from "./attune.js";
import { type PushServer, startPushServer } from "./pushServer.js";
import { writeTinyModel } from "./tinyModel.js";

const TOKEN = `hf_${"canary".repeat(6)}`;
const REPO = "ann/tiny-dialogues";
let folder: string;
let hub: PushServer;
let env: NodeJS.ProcessEnv;
const run = () => path.join(folder, "run");

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-push-"));
  await mkdir(path.join(run(), "checkpoints"), { recursive: true });
  const sink = diskSink(path.join(run(), "adapter"));
  const adapter = {
    config: { ...LORA_DEFAULTS, targetModules: ["q"], taskType: "SEQ_2_SEQ_LM" as const, baseModel: "org/base@main" },
    modules: [],
    own: [],
  };
  for (const [name, content] of Object.entries(writeAdapter(adapter))) await sink.write(name, content);
  await writeFile(path.join(run(), "adapter", ".hidden.json"), "{}");
  await writeFile(path.join(run(), "adapter", "notes.log"), "mine");
  const yaml = `name: tiny\nmodel: {path: org/base}\nout: ${run()}\ndata: {train: ${folder}/secret-place/rows.jsonl, template: {prompt: "say: {a}", completion: "{b}"}}\nlora: {rank: 4}\n`;
  await writeFile(path.join(run(), "run.yaml"), yaml);
  const result = {
    steps: 20,
    firstLoss: 3,
    lastLoss: 2.5,
    trainSeconds: 75,
    scores: { rouge1: 12.345678, rougeL: 10, rows: 8, signature: "x" },
    adapter: { description: "a device" },
  };
  await writeFile(path.join(run(), "result.json"), JSON.stringify(result));
  await writeTinyModel(path.join(folder, "model"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  hub = await startPushServer(TOKEN);
  env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN, HF_HOME: path.join(folder, "hf") };
});
afterEach(() => hub.close());

const front = (card: string): Record<string, unknown> => parse(/^---\n(.*?)---\n/s.exec(card)![1]!) as Record<string, unknown>;

describe("a run's adapter", () => {
  test("arrives whole in one commit, weights through LFS, with a card", async () => {
    const lines: string[] = [];
    const pushed = await push(run(), REPO, { private: true, license: "apache-2.0" }, env, {
      onProgress: (line) => lines.push(line),
    });
    expect(pushed).toMatchObject({ url: `${hub.endpoint}/${REPO}`, commit: "c".repeat(40), keptCard: false });
    expect(hub.repos.get(REPO)).toEqual({ visibility: "private" });
    expect(hub.commits).toEqual([
      { summary: "Upload adapter with attune", paths: ["README.md", "adapter_config.json", "adapter_model.safetensors"] },
    ]);
    const weights = await readFile(path.join(run(), "adapter", "adapter_model.safetensors"));
    expect(hub.files.get("adapter_model.safetensors")!.equals(weights)).toBe(true);
    expect(hub.requests.some(({ line }) => line.startsWith("PUT /store/"))).toBe(true);
    expect(JSON.parse(String(hub.files.get("adapter_config.json")))).toMatchObject({ base_model_name_or_path: "org/base", r: 8 });
    expect(lines).toContain("committing");
  });

  test("its card: what the hub reads, scores, how it was made, and no path of this machine", async () => {
    const { card } = await push(run(), REPO, { dryRun: true }, {});
    expect(front(card)).toEqual({
      library_name: "peft",
      pipeline_tag: "text2text-generation",
      base_model: "org/base",
      base_model_relation: "adapter",
      metrics: ["rouge"],
      tags: ["attune", "lora", "t5"],
    });
    expect(card).toContain("License: not stated yet");
    expect(card).toContain("| rouge1 | 12.3457 |");
    expect(card).not.toContain("| rows |");
    expect(card).toContain(`attune generate org/base --adapter ${REPO}`);
    expect(card).toContain("first and last loss | 3.000, 2.500");
    expect(card).toContain("rows.jsonl");
    expect(card).not.toContain(folder);
    const yaml = /```yaml\n(.*?)```/s.exec(card)![1]!;
    expect(parse(yaml)).toMatchObject({ lora: { rank: 4 }, train: { lr: 1e-3 }, data: { train: "rows.jsonl" } });
  });

  test("again: bytes that are there are not sent twice; a card of the user's own stays", async () => {
    await push(run(), REPO, {}, env);
    hub.files.set("README.md", Buffer.from("# My own words"));
    const before = hub.requests.length;
    const pushed = await push(run(), REPO, { message: "Again" }, env);
    expect(pushed.keptCard).toBe(true);
    expect(String(hub.files.get("README.md"))).toBe("# My own words");
    expect(hub.commits.at(-1)).toEqual({ summary: "Again", paths: ["adapter_config.json", "adapter_model.safetensors"] });
    expect(hub.requests.slice(before).filter(({ line }) => line.startsWith("PUT"))).toEqual([]);
  });

  test("of a base that is a folder here is refused, unless its name is given", async () => {
    const own = path.join(folder, "own");
    await mkdir(own, { recursive: true });
    await writeFile(path.join(own, "adapter_model.safetensors"), "x");
    await writeFile(
      path.join(own, "adapter_config.json"),
      JSON.stringify({ base_model_name_or_path: path.join(folder, "model") }),
    );
    await expect(push(own, REPO, { dryRun: true }, {})).rejects.toMatchObject({
      exitClass: "usage",
      message: expect.stringMatching(/only this machine knows; .*--base ORG\/NAME/),
    });
    await push(own, REPO, { base: "org/other" }, env);
    expect(JSON.parse(String(hub.files.get("adapter_config.json")))).toEqual({ base_model_name_or_path: "org/other" });
  });
});

test("a model's folder without a run", async () => {
  const { card, files } = await push(path.join(folder, "model"), REPO, {}, env);
  expect(files.map(({ name }) => name)).toEqual(["README.md", "config.json", "model.safetensors", "tokenizer.json"]);
  expect(front(card)).toEqual({ library_name: "transformers", pipeline_tag: "text2text-generation", tags: ["attune", "t5"] });
  expect(hub.commits).toHaveLength(1);
});

test("the token goes to the hub's own host with every request but those for storage", async () => {
  await push(run(), REPO, {}, env);
  for (const { line, authorization } of hub.requests)
    expect(authorization, line).toBe(line.startsWith("PUT /store") ? undefined : `Bearer ${TOKEN}`);
});

test.each([
  ["no name", "tiny", 0, 0, {}, "usage", /"tiny" names no repository; expected ORG\/NAME/],
  ["no token", REPO, 0, 0, { HF_TOKEN: "" }, "usage", /no token for the hub: set HF_TOKEN/],
  ["something else for a token", REPO, 0, 0, { HF_TOKEN: "secret words" }, "usage", /is none: expected hf_ and letters$/],
  [
    "a token that the hub does not know",
    REPO,
    0,
    0,
    { HF_TOKEN: `hf_${"x".repeat(34)}` },
    "data",
    /does not know the token \(HTTP 401\)/,
  ],
  ["another's organisation", "bob/tiny", 0, 0, {}, "data", /may not write there \(HTTP 403\)/],
  ["a commit that is refused", REPO, /\/commit\//, 422, {}, "data", /the hub refuses \(HTTP 422\)/],
  ["storage that fails", REPO, /^PUT/, 503, {}, "network", /HTTP 503; nothing was committed, try again/],
  ["a hub that is not there", REPO, 0, 0, { HF_ENDPOINT: "http://127.0.0.1:9" }, "network", /cannot be reached/],
  ["offline", REPO, 0, 0, { HF_HUB_OFFLINE: "1" }, "usage", /HF_HUB_OFFLINE is set/],
] as const)("%s", async (_, repo, line, status, more, exitClass, message) => {
  if (line) hub.fail(line, status);
  await expect(push(run(), repo, {}, { ...env, ...more })).rejects.toMatchObject({
    exitClass,
    message: expect.stringMatching(message),
  });
  expect(hub.commits).toEqual([]);
});

test("the command line: a canary for a token is in no output, whatever goes wrong; a dry run needs none", async () => {
  const here = run();
  const lines = [
    ["push", here, REPO],
    ["push", here, REPO, "--json"],
    ["push", here, "bob/tiny"],
    ["push", here, TOKEN],
    ["push", path.join(folder, "none"), REPO],
    ["config", path.join(here, "run.yaml"), `name=${TOKEN}`],
    ["config", path.join(here, "run.yaml"), `name=${TOKEN}`, "--json"],
    ["config", path.join(here, "run.yaml"), `train.lr=${TOKEN}`],
    ["runs", "show", here],
  ];
  const ended = await attuneInTurn(lines, { ...process.env, ...env });
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 3, 2, 2, 2, 2, 2, 0]);
  expect(ended[0]!.stdout).toMatch(/^pushed 3 files: http/);
  expect(ended[5]!.stderr).toMatch(/name.*(HF_TOKEN|token)/); // a run that holds a secret is refused, not rewritten
  for (const [i, { stdout, stderr }] of ended.entries()) expect(stdout + stderr, lines[i]!.join(" ")).not.toContain("canary");
  const [dry] = await attuneInTurn([["push", here, REPO, "--dry-run"]], { ...process.env, HF_TOKEN: "", HF_HOME: folder });
  expect(dry).toMatchObject({ code: 0, stderr: "" });
});
