// attune generate: prompts from anywhere, answered in their order, as the model alone would answer each.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  freshLora,
  LORA_DEFAULTS,
  loadTokenizer,
  mt19937,
  SequenceGenerator,
  type T5,
  TEMPLATE_FILE,
  writeAdapter,
  writeTemplateFile,
} from "@attune/models";
import { diskFiles, diskSink } from "@attune/models/node";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { linearsOf, loadModel } from "../parity/models.js";
import { attune } from "./attune.js";
import { writeTinyModel } from "./tinyModel.js";

// of unlike lengths, so that they are batched in another order than they came
const PROMPTS = ["say: hi", "a much longer thing to say, and more of it", "ok", "say: hello there"];

let folder: string;
let device: NodeDevice;
const at = (name: string) => path.join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-generate-"));
  device = await openDevice();
  await writeTinyModel(at("model"));
});
afterAll(async () => {
  device.destroy();
  await rm(folder, { recursive: true });
});

/** Each prompt alone, without padding. */
async function answers(model: T5): Promise<string[]> {
  const tokenizer = await loadTokenizer(diskFiles(at("model")));
  const generator = new SequenceGenerator(device, model);
  const outputs: string[] = [];
  for (const prompt of PROMPTS) {
    const ids = Int32Array.from(tokenizer.encode(prompt));
    const { sequences } = await generator.generate({ rows: 1, inputIds: ids }, { maxNewTokens: 6 });
    outputs.push(tokenizer.decode(sequences[0]!).trim());
  }
  generator.dispose();
  return outputs;
}

it("says nothing twice where it may not: the flag is no opposite of another", { timeout: 60_000 }, async () => {
  const ask = (...flags: string[]) => attune(["generate", at("model"), "say: hi", "--max-new-tokens", "12", ...flags]);
  const [free, single] = [await ask(), await ask("--no-repeat-ngram-size", "1")];
  const repeats = ({ stdout }: { stdout: string }) => {
    const { length } = stdout.trim();
    return length - new Set(stdout.trim()).size;
  };
  expect(single).toMatchObject({ code: 0, stderr: "" });
  expect(single.stdout).not.toBe(free.stdout);
  expect(repeats(single)).toBeLessThan(repeats(free));
});

it("answers as the model does, with an adapter too, from arguments, a file and stdin", async () => {
  const { model } = await loadModel(device, at("model"), { trainable: false });
  const config = { ...LORA_DEFAULTS, rank: 2, alpha: 40, targetModules: "all-linear" };
  const lora = freshLora(device, config, await linearsOf(at("model")), 1);
  const random = mt19937(2);
  for (const { path: name, outFeatures, rank } of lora.targets) {
    const b = Float32Array.from({ length: outFeatures * rank }, () => 0.1 * random.normal());
    lora.parameters.get(`${name}.lora_B.weight`).write(b);
  }
  const sink = diskSink(at("adapter"));
  for (const [name, content] of Object.entries(writeAdapter(await lora.read()))) await sink.write(name, content);
  const [alone, adapted] = [await answers(model), await answers(model.with({ lora }))];
  expect(new Set([...alone, ...adapted]).size).toBeGreaterThan(2);
  expect(adapted).not.toEqual(alone);

  const limits = ["--max-new-tokens", "6", "--batch", "3"];
  const json = await attune(["generate", at("model"), ...PROMPTS, "--json", ...limits]);
  expect(json).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(json.stdout)).toEqual(PROMPTS.map((prompt, i) => ({ prompt, output: alone[i] })));

  await writeFile(at("prompts.txt"), `${PROMPTS.join("\r\n")}\n\n`);
  const fromFile = ["generate", at("model"), "--adapter", at("adapter"), "--file", at("prompts.txt"), ...limits];
  expect(await attune(fromFile)).toMatchObject({ code: 0, stdout: adapted.map((output) => `${output}\n`).join("") });

  // an adapter by its name on the hub, as Python's cache has it
  const cached = at("cache/models--org--adapter");
  await mkdir(path.join(cached, "refs"), { recursive: true });
  await writeFile(path.join(cached, "refs/main"), "0".repeat(40));
  await cp(at("adapter"), path.join(cached, "snapshots", "0".repeat(40)), { recursive: true });
  const byName = fromFile.with(3, "org/adapter");
  const env = { HF_HUB_CACHE: at("cache"), HF_HUB_OFFLINE: "1" };
  expect(await attune(byName, { env })).toMatchObject({ code: 0, stdout: adapted.map((output) => `${output}\n`).join("") });

  const short = ["generate", at("model"), "--max-prompt", "4", ...limits];
  const piped = await attune(short, { input: `${PROMPTS.join("\n")}\n` });
  expect(piped.stdout.split("\n")).toHaveLength(PROMPTS.length + 1);
  expect(piped.stderr).toMatch(/^prompt 1 has \d+ tokens and loses its end \(--max-prompt 4\)\nprompt 2 has/);

  // a row goes through the template that lies beside the adapter; without one it is refused
  const row = ["--row", JSON.stringify({ text: "hi" }), "--adapter", at("adapter"), "--json", ...limits];
  const refused = await attune(["generate", at("model"), ...row]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("has no attune_template.json") });
  const taught = { name: "own", forms: [{ prompt: "say: {text}", completion: "{answer}" }], format: "rows" };
  await writeFile(at(`adapter/${TEMPLATE_FILE}`), writeTemplateFile(taught));
  const asked = await attune(["generate", at("model"), ...row]);
  expect(asked.code, asked.stderr).toBe(0);
  expect(JSON.parse(asked.stdout)).toEqual([{ prompt: PROMPTS[0], output: adapted[0] }]);
});
