// What is too long: cut where the run says, told in numbers, and never so that an answer seems to end where it was cut.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRun } from "../run/load.js";
import { prepareData } from "./data.js";
import { openModelFiles } from "./model.js";

const data = (name: string) => fileURLToPath(new URL(`../../../../data/${name}`, import.meta.url));
const T5 = `model: {path: ${data("bundled/base")}}`;
const OPT = `model: {init: {tokenizer: ${data("stand-ins/tokenizers/opt")}, config: {model_type: opt, vocab_size: 50272, hidden_size: 16, ffn_dim: 32, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 256, word_embed_proj_dim: 16}}}`;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-lengths-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const words = (count: number) => Array.from({ length: count }, (_, i) => `word${i}`).join(" ");
async function prepared(model: string, rows: readonly object[], more: string) {
  await writeFile(path.join(folder, "rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const run = parseRun(`${model}\ndata:\n  train: rows.jsonl\n${more}`, { file: path.join(folder, "r.yaml"), cwd: folder });
  const files = await openModelFiles(run);
  const made = await prepareData(run, files);
  const text = (ids: readonly number[]) => files.tokenizer.decode(ids.filter((id) => id >= 0));
  return { ...made, notes: made.notes.join("\n"), tokenizer: files.tokenizer, text };
}
const QA = '  template: {prompt: "{q}", completion: " {a}"}\n';

describe.each([
  ["T5", T5],
  ["OPT", OPT],
])("42: %s", (name, model) => {
  it("tells how many answers are cut; a decoder does not learn to stop where one breaks off", async () => {
    const rows = [
      { q: "Say it", a: words(60) },
      { q: "Say it", a: "Bo" },
    ];
    const { notes, tokenized, tokenizer, endsLearnt } = await prepared(model, rows, `${QA}  maxSource: 32\n  maxTarget: 16\n`);
    expect(notes).toMatch(/1 of 2 completions are longer than data\.maxTarget 16 and lose their end/);
    const [long, short] = tokenized(2);
    const learnt = long!.labels.filter((id) => id >= 0);
    expect([learnt.length, short!.labels.at(-1)]).toEqual([16, tokenizer.eosId]);
    // of an encoder-decoder the end token stays, as transformers' tokenizers cut
    expect([learnt.at(-1) === tokenizer.eosId, endsLearnt]).toEqual(name === "T5" ? [true, 2] : [false, 1]);
  });

  it("cuts prompts on the side that is named", async () => {
    const rows = [{ q: `first ${words(80)} last`, a: "Bo" }];
    const limits = "  maxSource: 24\n  maxTarget: 8\n";
    const asked = async (more: string) => {
      const { notes, tokenized, text } = await prepared(model, rows, `${QA}${limits}${more}`);
      return { notes, prompt: text(tokenized(1)[0]!.inputIds) };
    };
    const [start, end, own] = [await asked("  truncate: start\n"), await asked("  truncate: end\n"), await asked("")];
    expect([start.prompt.includes("last"), start.prompt.includes("first")]).toEqual([true, false]);
    expect([end.prompt.includes("last"), end.prompt.includes("first")]).toEqual([false, true]);
    expect(start.notes).toMatch(/1 of 1 prompts .* lose their beginning/);
    expect(end.notes).toMatch(/1 of 1 prompts .* lose their end/);
    expect(own).toEqual(name === "T5" ? end : start);
  });

  it("drops solved examples before any of the question", async () => {
    const rows = Array.from({ length: 6 }, (_, i) => ({ q: `${words(i === 5 ? 30 : 4)} of ${i}?`, a: "Bo" }));
    const { notes, tokenized, text } = await prepared(
      model,
      rows,
      `${QA}  maxSource: 96\n  maxTarget: 8\n  fewShot: {count: 4}\n`,
    );
    expect(notes).toMatch(/\d of 6 prompts have fewer than 4 solved examples: more do not fit data\.maxSource 96/);
    expect(notes).not.toMatch(/lose their/);
    for (const [i, { inputIds }] of tokenized(6).entries()) {
      expect(text(inputIds)).toContain(`of ${i}?`);
      expect(inputIds.length).toBeLessThanOrEqual(96 + 8);
    }
  });
});
