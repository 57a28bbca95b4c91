// Bad input gives a line that says where, what was found, what was wanted and what to do; the exit code of its class; and nothing
// half-written. All of it runs where Dawn finds no adapter: what asked for a device before it looked at its input would end with 4.
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { bytesOf, LORA_DEFAULTS, writeAdapter } from "@attune/models";
import { diskSink } from "@attune/models/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attune, attuneInTurn, type Ended } from "./attune.js";
import { tinyTensors, writeTinyModel } from "./tinyModel.js";

const NO_ADAPTER = { VK_DRIVER_FILES: path.join(tmpdir(), "no-such-driver.json") };
const isLinux = process.platform === "linux";

/** What is wrong, the command line ("@" is the folder below), its exit code, and the lines on stderr. */
type Case = [what: string, line: string, code: number, ...lines: RegExp[]];
const CASES: Case[] = [
  ["a recipe that is not there", "train @/none.yaml", 2, /none\.yaml: no such file$/],
  ["a folder for a recipe", "train @/model", 2, /model: cannot be read \(EISDIR\)$/],
  ["malformed YAML", "train @/malformed.yaml", 2, /malformed\.yaml:2:\d+: /],
  ["an unknown key", "train @/typo.yaml", 2, /typo\.yaml:6:3: unknown key train\.stepz; did you mean train\.steps\?$/],
  [
    "an unknown key in an override",
    "train @/run.yaml lora.rnak=4",
    2,
    /command line: unknown key lora\.rnak; did you mean lora\.rank\?$/,
  ],
  [
    "two wrong values, told together",
    "train @/run.yaml train.lr=-1 eval.batch=many",
    2,
    /train\.lr must be more than 0, not -1$/,
    /eval\.batch must be/,
  ],
  [
    "a LoRA target that the model lacks",
    "train @/run.yaml lora.targets=[wj]",
    2,
    /"wj" matches no linear layer; there are .* \(did you mean "w/,
  ],
  [
    "missing files, told together",
    "train @/run.yaml model.path=@/none data.train=@/none.jsonl",
    3,
    /model\.path: .*none: no such file or folder$/,
    /data\.train: .*none\.jsonl: no such/,
  ],
  ["a folder for data", "train @/run.yaml data.train=@/model", 3, /model: is a folder; expected a \.jsonl file/],
  [
    "a row without the template's field",
    "train @/run.yaml data.train=@/lacking.jsonl",
    3,
    /lacking\.jsonl:3: no field "summary", which data\.template\.completion needs; .*did you mean "sumary"/,
  ],
  [
    "the same in the validation rows",
    "train @/run.yaml data.validation=@/lacking.jsonl",
    3,
    /lacking\.jsonl:3: no field "summary"/,
  ],
  ["a row that is not JSON", "train @/run.yaml data.train=@/broken.jsonl", 3, /broken\.jsonl:2:\d+: not JSON: /],
  [
    "rows to show that are no number",
    "data preview @/run.yaml --rows abc",
    2,
    /--rows <n>' argument 'abc' is invalid\. expected a number/,
  ],
  ["a number with commas", "data preview @/run.yaml --rows 1,000", 2, /argument '1,000' is invalid\. expected a number/],
  ["no rows", "train @/run.yaml data.train=@/empty.jsonl", 3, /empty\.jsonl: has no rows; expected one JSON object a line$/],
  [
    "weights that do not fit, all listed",
    "train @/run.yaml model.path=@/unfit",
    3,
    /model\.safetensors: .*1 missing: encoder\.final_layer_norm\.weight.*; 1 unexpected: extra\.weight; 1 misshapen: shared\.weight wants \[\d+, 16\], got \[16, \d+\]$/,
  ],
  ["truncated weights", "train @/run.yaml model.path=@/truncated", 3, /model\.safetensors: .*truncated: .*fetch it again$/],
  ["a web page for weights", "train @/run.yaml model.path=@/webpage", 3, /model\.safetensors: /],
  ["no weights", "train @/run.yaml model.path=@/weightless", 3, /weightless: no model\.safetensors/],
  ["a config that is not JSON", "train @/run.yaml model.path=@/misconfigured", 3, /config\.json: not JSON: /],
  [
    "another kind of model",
    "train @/run.yaml model.path=@/bert",
    3,
    /config\.json: model_type is "bert"; supported are "t5" and "opt"$/,
  ],
  ["no tokenizer", "train @/run.yaml model.path=@/wordless", 3, /tokenizer\.json: no such file/],
  [
    "a tokenizer of another model",
    "train @/run.yaml model.path=@/mismatched",
    3,
    /the tokenizer has ids up to \d+ .*do not belong together$/,
  ],
  [
    "a file where results should go",
    "train @/run.yaml --out @/train.jsonl",
    5,
    /out: .*train\.jsonl: is a file, and a folder is needed; choose another with --out$/,
  ],
  [
    "results below a file",
    "train @/run.yaml --out @/train.jsonl/run",
    5,
    /out: .*train\.jsonl\/run: .*train\.jsonl is a file, so there can be no folder below it/,
  ],
  ["plan: missing data", "plan @/run.yaml data.train=@/none.jsonl", 3, /data\.train: .*no such/],
  ["verify: no such folder", "verify @/none", 3, /none\/config\.json: no such file; check the path$/],
  [
    "verify: a model without a record",
    "verify @/model",
    3,
    /model: no forward\/cases\.json, so there is nothing to verify against/,
  ],
  ["verify: truncated weights", "verify @/truncated", 3, /truncated/],
  [
    "generate: no such model",
    "generate @/none hello",
    3,
    /none: no such folder; expected one, or a name on the hub: ORG\/NAME or ORG\/NAME@REVISION$/,
  ],
  ["generate: no prompts", "generate @/model --file @/empty.jsonl", 2, /empty\.jsonl: no prompts; expected one a line$/],
  [
    "generate: an adapter for a model",
    "generate @/adapter hello",
    3,
    /adapter: is an adapter; name its base model, and this folder with --adapter$/,
  ],
  [
    "generate: an adapter of another model",
    "generate @/model hello --adapter @/adapter",
    3,
    /does not fit this model: target_modules: "q_proj" matches no linear layer/,
  ],
  ["generate: a wrong number", "generate @/model hello --max-new-tokens=0", 2, /max-new-tokens.* expected a whole number from 1/],
];
if (isLinux) {
  // refused to root too, which the tests of a container often run as
  CASES.push([
    "a file that cannot be read",
    "train @/run.yaml data.train=@/unreadable.jsonl",
    5,
    /unreadable\.jsonl: .*(cannot|may not) be read/,
  ]);
  CASES.push([
    "a folder that cannot be written",
    "train @/run.yaml --out /proc/attune/run",
    5,
    /out: \/proc\/attune\/run: cannot be written \(E\w+\); choose another/,
  ]);
}

const RUN = `model: { path: model }
data:
  { train: train.jsonl, validation: train.jsonl, template: { prompt: "say: {text}", completion: "{summary}" }, maxSource: 16, maxTarget: 8 }
lora: { rank: 2 }
train:
  steps: 3
`;
const row = (fields: object) => `${JSON.stringify(fields)}\n`;
const good = row({ text: "abc def", summary: "abc" });

let folder: string;
let ended: Ended[];
let [before, after] = [[""], [""]];
const at = (...parts: string[]) => path.join(folder, ...parts);
const listing = async () => (await readdir(folder, { recursive: true })).sort();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-bad-"));
  await writeEverything();
  before = await listing();
  ended = await attuneInTurn(
    CASES.map(([, line]) => {
      const words = line.split(" ").map((word) => word.replace("@", folder));
      return words[0] !== "train" || words.includes("--out") ? words : [...words, "--out", at("out")];
    }),
    NO_ADAPTER,
  );
  after = await listing();
});
afterAll(() => rm(folder, { recursive: true }));

async function writeEverything(): Promise<void> {
  const texts = {
    "run.yaml": RUN,
    "typo.yaml": RUN.replace("steps", "stepz"),
    "malformed.yaml": 'model: { path: "model }\n',
    "train.jsonl": good.repeat(4),
    "lacking.jsonl": good.repeat(2) + row({ text: "abc", sumary: "a" }) + good,
    "broken.jsonl": `${good}{"text": "abc", "summary": }\n`,
    "empty.jsonl": "\n",
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(at(name), text);
  if (isLinux) await symlink("/proc/self/mem", at("unreadable.jsonl"));

  await writeTinyModel(at("model"));
  const sink = diskSink(at("adapter"));
  const adapter = { config: { ...LORA_DEFAULTS, targetModules: ["q_proj"] }, modules: [], own: [] };
  for (const [name, content] of Object.entries(writeAdapter(adapter))) await sink.write(name, content);
  const misfits = tinyTensors().filter(({ name }) => name !== "encoder.final_layer_norm.weight");
  const shared = misfits.find(({ name }) => name === "shared.weight")!;
  shared.shape = shared.shape.toReversed();
  misfits.push({ name: "extra.weight", shape: [2], dtype: "F32", bytes: bytesOf(new Float32Array(2)) });
  await writeTinyModel(at("unfit"), misfits);
  const weights = await readFile(at("model", "model.safetensors"));
  await spoiled("truncated", "model.safetensors", weights.subarray(0, weights.length - 1000));
  await spoiled("webpage", "model.safetensors", "<!doctype html><title>Sign in</title>");
  await spoiled("weightless", "model.safetensors", null);
  await spoiled("misconfigured", "config.json", '{"model_type": "t5",');
  await spoiled("bert", "config.json", '{"model_type": "bert"}');
  await spoiled("wordless", "tokenizer.json", null);
  const tokenizer = JSON.parse(await readFile(at("model", "tokenizer.json"), "utf8"));
  for (let i = 0; i < 9; i++) tokenizer.model.vocab.push([`▁word${i}`, -9]);
  await spoiled("mismatched", "tokenizer.json", JSON.stringify(tokenizer));
}

async function spoiled(name: string, file: string, content: string | Uint8Array | null): Promise<void> {
  await writeTinyModel(at(name));
  if (content === null) await rm(at(name, file));
  else await writeFile(at(name, file), content);
}

describe("bad input", () => {
  it.for(CASES.map((one, index) => ({ one, index, what: one[0] })))("$what", ({ one: [, , code, ...lines], index }) => {
    const { stderr, stdout, code: found } = ended[index]!;
    const shown = stderr.trimEnd().split("\n");
    expect({ stderr, code: found }).toMatchObject({ code });
    expect(stdout).toBe("");
    expect(shown).toHaveLength(lines.length);
    expect(shown[0]).toMatch(/^error: /);
    for (const [i, pattern] of lines.entries()) expect(shown[i]).toMatch(pattern);
  });

  it("leaves nothing behind", () => {
    expect(after).toEqual(before);
  });
});

it("without an adapter, right input ends with 4, one line on what to do, and nothing written", async () => {
  const { code, stdout, stderr } = await attune(["train", at("run.yaml"), "--out", at("out")], { env: NO_ADAPTER });
  expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
  expect(stderr).toMatch(/^error: no WebGPU adapter: .* run `npm run setup` for a software one\.\n$/);
  expect(await listing()).toEqual(before);
  const { code: verified } = await attune(["verify", "tests/golden/t5-relu"], { env: NO_ADAPTER });
  expect(verified).toBe(4);
});
