// attune chat through a pipe, with the bundled model: a line a turn, answers alone on stdout, as attune generate gives them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { freshLora, LORA_DEFAULTS, mt19937, TEMPLATE_FILE, writeAdapter, writeTemplateFile } from "@attune/models";
import { diskSink } from "@attune/models/node";
import { openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { linearsOf } from "../parity/models.js";
import { attune } from "./attune.js";

const BASE = "data/bundled/base";
const base = path.resolve(import.meta.dirname, "../..", BASE);
let adapter: string;
beforeAll(async () => {
  adapter = await mkdtemp(path.join(tmpdir(), "attune-chat-"));
  const device = await openDevice();
  const lora = freshLora(device, { ...LORA_DEFAULTS, rank: 2, alpha: 40, targetModules: "all-linear" }, await linearsOf(base), 1);
  const random = mt19937(2);
  for (const { path: name, outFeatures, rank } of lora.targets)
    lora.parameters
      .get(`${name}.lora_B.weight`)
      .write(Float32Array.from({ length: outFeatures * rank }, () => 0.2 * random.normal()));
  const sink = diskSink(adapter);
  for (const [name, content] of Object.entries(writeAdapter(await lora.read()))) await sink.write(name, content);
  const template = {
    name: "own",
    forms: [{ prompt: "{dialogue}\nSummary: <extra_id_0>", completion: "{summary}" }],
    format: "rows",
  };
  await writeFile(path.join(adapter, TEMPLATE_FILE), writeTemplateFile(template));
  device.destroy();
});
afterAll(() => rm(adapter, { recursive: true }));

it("answers each line as it was taught, with the adapter and without", async () => {
  const dialogue = "Ada: Tea? Ben: Please.";
  const [short, prompt] = [["--max-new-tokens", "8"], `${dialogue}\nSummary: <extra_id_0>`];
  const lines = [dialogue, JSON.stringify({ dialogue }), "/both", dialogue, "/adapter off", dialogue, "/quit", "never asked"];
  const [talk, tuned] = await Promise.all([
    attune(["chat", BASE, "--adapter", adapter, ...short], { input: `${lines.join("\n")}\n` }),
    attune(["generate", BASE, "--adapter", adapter, prompt, ...short]),
  ]);
  expect(talk.code, talk.stderr).toBe(0);
  const a = tuned.stdout.trimEnd();
  const b = talk.stdout.trimEnd().split("\n").at(-1)!;
  expect(b).not.toBe(a);
  expect(b.length).toBeGreaterThan(3);
  expect(talk.stdout.trimEnd().split("\n")).toEqual([a, a, `with: ${a}`, `without: ${b}`, b]);
  expect(talk.stderr).toBe("two answers to each line: with the adapter, and without\nanswers come from the base model alone\n");
});
