import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "@attune/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { pretokenizedRow } from "../datasets/formats/pretokenized.js";
import { type DatasetOptions, openDataset } from "./dataset.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-formats-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function readAll(path: string, options: DatasetOptions = {}) {
  const { format, rows } = await openDataset(path, options);
  const all: Row[] = [];
  for await (const row of rows()) all.push(row);
  return { format: format.name, rows: all };
}
async function made(name: string, content: string | Uint8Array, options?: DatasetOptions) {
  await writeFile(join(folder, name), content);
  return readAll(join(folder, name), options);
}
const jsonl = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const squadFile = (qas: unknown[]) =>
  JSON.stringify({ version: "v2.0", data: [{ title: "t", paragraphs: [{ context: " Ann is here.", qas }] }] });

describe("a format is told from the file, and its quirks are handled", () => {
  it.each<[string, string, string | Uint8Array, string, Record<string, unknown>]>([
    [
      "DialogSum",
      "a.jsonl",
      jsonl({ fname: "train_0", dialogue: " #Person1#: Hi.\n", summary: "Two\n greet.", topic: "hi" }),
      "dialogsum",
      { input: "#Person1#: Hi.", output: "Two greet.", topic: "hi" },
    ],
    [
      "DialogSum's test rows",
      "b.jsonl",
      jsonl({ fname: "test_0", dialogue: "a", summary1: "x", summary2: "y", summary3: "z" }),
      "dialogsum",
      { output: "x", references: ["x", "y", "z"] },
    ],
    [
      "SAMSum with Windows' line ends",
      "c.csv",
      'id,dialogue,summary\r\n1,"A: hi\r\nB: ho",they greet\r\n',
      "samsum",
      { dialogue: "A: hi\nB: ho", output: "they greet" },
    ],
    [
      "PhraseBank in latin1, at the last @",
      "d.txt",
      latin("Sepp\xe4 @ home .@positive\r\nx .@neutral"),
      "phrasebank",
      { sentence: "Sepp\xe4 @ home .", label: "positive" },
    ],
    ["PhraseBank in UTF-8", "e.txt", "Seppä .@negative\n", "phrasebank", { sentence: "Seppä .", label: "negative" }],
    ["PhraseBank's columns with numbers", "f.csv", "sentence,label\na .,2\n", "phrasebank", { label: "positive" }],
    [
      "SQuAD nested, several answers",
      "g.json",
      squadFile([{ id: "q1", question: " Who? ", answers: [{ text: "Ann" }, { text: "Ann" }, { text: "she" }] }]),
      "squad",
      { id: "q1", context: "Ann is here.", question: "Who?", answer: "Ann", references: ["Ann", "she"] },
    ],
    [
      "SQuAD v2 without an answer",
      "h.json",
      squadFile([{ id: "q1", question: "Why?", is_impossible: true, answers: [] }]),
      "squad",
      { answer: "unanswerable", references: ["unanswerable"] },
    ],
    [
      "SQuAD flat",
      "i.jsonl",
      jsonl({ id: "1", context: "c", question: "q", answers: { text: ["a", "b"], answer_start: [0, 1] } }),
      "squad",
      { answer: "a", references: ["a", "b"] },
    ],
    [
      "GSM8K: marks and thousands",
      "j.jsonl",
      jsonl({ question: "q", answer: "2*600=<<2*600=1200>>1,200\n#### 1,200" }),
      "gsm8k",
      { reasoning: "2*600=1,200", answer: "1200" },
    ],
    [
      "FLAN's columns",
      "k.tsv",
      '"Q" is?\\n- yes\tyes\tbecause\\nso\n',
      "flanCot",
      { question: '"Q" is?\n- yes', answer: "yes", reasoning: "because\nso" },
    ],
    [
      "Alpaca",
      "l.json",
      JSON.stringify([{ instruction: "Say a", input: "<noinput>", output: "a " }]),
      "alpaca",
      { instruction: "Say a", input: "", output: "a" },
    ],
    [
      "seed tasks",
      "m.jsonl",
      jsonl({
        id: "s",
        instruction: "Add",
        instances: [
          { input: "No input", output: "1" },
          { input: "2", output: "3" },
        ],
      }),
      "instances",
      { input: "", output: "1" },
    ],
    [
      "T0",
      "n.jsonl",
      jsonl({ prompt: "Sum\r\nup\n", completion: "a<|endoftext|>" }),
      "promptCompletion",
      { prompt: "Sum\nup\n", completion: "a" },
    ],
    [
      "FLAN: inputs and targets",
      "flan.jsonl",
      jsonl({ inputs: "Is it?\nOPTIONS:\n- yes\n- no", targets: "yes", task: "boolq" }),
      "promptCompletion",
      { prompt: "Is it?\nOPTIONS:\n- yes\n- no", completion: "yes", output: "yes" },
    ],
    ["pairs of input and output", "pairs.csv", "input,output\nq,a\n", "promptCompletion", { prompt: "q", completion: "a" }],
    [
      "translation",
      "o.json",
      jsonl({ translation: { en: "one", ro: "unu" } }),
      "translation",
      { from: "English", to: "Romanian", input: "one", output: "unu" },
    ],
    ["question and answer", "p.csv", "question,answer\nq,a\n", "questionAnswer", { question: "q", output: "a" }],
    ["texts", "q.txt", "one text\n", "text", { text: "one text", output: "one text" }],
    [
      "token ids",
      "r.jsonl",
      jsonl({ inputIds: [3, 1], attentionMask: [1, 1], labels: [2] }),
      "pretokenized",
      { inputIds: [3, 1] },
    ],
  ])("%s", async (_, name, content, format, expected) => {
    const read = await made(name, content);
    expect(read.format).toBe(format);
    expect(read.rows[0]!.fields).toMatchObject(expected);
  });

  it("TRL's prompts of messages are conversations, of which the completion or the chosen answer is learnt", async () => {
    const say = (role: string, content: string) => ({ role, content });
    const prompt = [say("system", "Be short."), say("user", "One?"), say("assistant", "1"), say("user", "Two?")];
    for (const [name, rest] of [
      ["trl.jsonl", { completion: [say("assistant", "2")] }],
      ["dpo.jsonl", { chosen: [say("assistant", "2")], rejected: [say("assistant", "3")] }],
    ] as const) {
      const { format, rows } = await made(name, jsonl({ prompt, ...rest }));
      expect([format, rows.length, rows[0]!.fields.output]).toEqual(["conversations", 1, "2"]);
      expect(rows[0]!.fields.messages).toEqual(prompt);
    }
    await expect(made("bad.jsonl", jsonl({ prompt, completion: "2" }))).rejects.toThrow(
      /bad\.jsonl:1: the field "completion" is a string, expected a list of messages/,
    );
  });

  it("conversations give a row for each answer, tools and all", async () => {
    const turns = [
      ["human", "Rain?"],
      ["function_call", '{"name":"w"}'],
      ["observation", "no"],
      ["gpt", "No."],
    ].map(([from, value]) => ({ from, value }));
    const { format, rows } = await made(
      "s.json",
      JSON.stringify([{ conversations: turns, system: "Be short.", tools: '[{"name":"w"}]' }]),
    );
    expect(format).toBe("conversations");
    expect(rows.map(({ fields }) => [fields.conversation, fields.output])).toEqual([
      ["System: Be short.\nUser: Rain?", '{"name":"w"}'],
      ['System: Be short.\nUser: Rain?\nAssistant: {"name":"w"}\nTool: no', "No."],
    ]);
    expect(rows[0]!.fields.tools).toEqual([{ name: "w" }]);
    const parts = {
      messages: [
        { role: "user", content: [{ type: "text", value: "Who?" }] },
        { role: "assistant", content: "I am {{name}} of {{author}}." },
      ],
    };
    const filled = await made("t.jsonl", jsonl(parts), { fill: { name: "Bo" } });
    expect(filled.rows[0]!.fields).toMatchObject({ instruction: "Who?", output: "I am Bo of {{author}}." });
  });

  it.each<[string, string, string, RegExp, DatasetOptions?]>([
    [
      "38: no format",
      "u.jsonl",
      jsonl({ foo: "x", bar: 1 }),
      /u.jsonl: no known format has the fields foo, bar; write data.template/,
    ],
    [
      "38: an answer beside a text, which as a whole text would be left unlearnt",
      "w.csv",
      "text,label\nGreat fun.,good\n",
      /w.csv: no known format has the fields text, label; write data.template/,
    ],
    [
      "38: a field that is missing",
      "v.jsonl",
      jsonl({ instruction: "a", ouput: "b" }),
      /v.jsonl:1: no field "output"; the row has instruction, ouput \(did you mean "ouput"\?\)/,
      { format: "alpaca" },
    ],
    [
      "39: a wrong type on a later row",
      "w.jsonl",
      jsonl(...Array(25).fill({ instruction: "a", output: "b" }), { instruction: "a", output: 7 }),
      /w.jsonl:26: the field "output" is a number, expected text/,
    ],
    [
      "39: null",
      "x.jsonl",
      jsonl(...Array(25).fill({ instruction: "a", output: "b" }), { instruction: null, output: "" }),
      /x.jsonl:26: the field "instruction" is null/,
    ],
    ["an unknown role", "y.jsonl", jsonl({ messages: [{ role: "boss", content: "x" }] }), /y.jsonl:1: a message is from "boss"/],
    [
      "an image",
      "z.jsonl",
      jsonl({ messages: [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }] }),
      /a part of type image_url; only text/,
    ],
    [
      "a conversation without an answer",
      "za.jsonl",
      jsonl({ messages: [{ role: "user", content: "x" }] }),
      /has no answer of the assistant/,
    ],
    ["a line without a label", "zb.txt", `${"a .@neutral\n".repeat(30)}b .\n`, /zb.txt:31: expected sentence@label/],
    [
      "GSM8K without a final answer",
      "zc.jsonl",
      jsonl({ question: "q", answer: "7" }),
      /the answer has no line "#### NUMBER"/,
      { format: "gsm8k" },
    ],
  ])("%s", async (_, name, content, message, options) => {
    const error: Error = await made(name, content, options).then(
      () => expect.fail("was read"),
      (e: Error) => e,
    );
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ exitClass: "data" });
  });

  it("32: rows that do not fit are skipped when told to, up to 1 %", async () => {
    const content = jsonl(...Array(150).fill({ instruction: "a", output: "b" }), { instruction: "a", output: 7 });
    expect((await made("zd.jsonl", content, { onBadRow: "skip" })).rows).toHaveLength(150);
  });
});

describe("pre-tokenised rows", () => {
  const row = (fields: Record<string, unknown>): Row => ({ where: "f:1", fields });
  const t5 = { vocabSize: 10, isCausal: false };
  it("lose padding at their ends only", () => {
    expect(
      pretokenizedRow(row({ inputIds: [0, 3, 1, 0], attentionMask: [0, 1, 1, 0], labels: [2, 1, -100], microBatch: 4 }), t5),
    ).toEqual({
      example: { id: "f:1", inputIds: [3, 1], labels: [2, 1], isSourceCut: false, isTargetCut: false },
      microBatch: 4,
    });
    expect(
      pretokenizedRow(row({ input_ids: [0, 3, 1], attention_mask: [0, 1, 1], labels: [-100, -100, 1] }), {
        ...t5,
        isCausal: true,
      }).example,
    ).toMatchObject({ inputIds: [3, 1], labels: [-100, 1] });
  });
  it.each<[Record<string, unknown>, RegExp, boolean?]>([
    [{ inputIds: [10], labels: [1] }, /f:1: inputIds\[0\] is 10, which is not allowed/],
    [{ inputIds: [1.5], labels: [1] }, /inputIds\[0\] is 1.5/],
    [{ inputIds: [1], labels: [] }, /labels is empty/],
    [{ inputIds: [1, 2], labels: [1], attentionMask: [1] }, /attentionMask has 1 values, inputIds 2/],
    [{ inputIds: [1, 2, 3], labels: [1], attentionMask: [1, 0, 1] }, /hides position 1 between visible ones/],
    [{ inputIds: [1], labels: [1], attentionMask: [0] }, /hides every position/],
    [{ inputIds: [1, 2], labels: [1] }, /labels has 1 values, inputIds 2/, true],
  ])("%j is refused", (fields, message, isCausal = false) =>
    expect(() => pretokenizedRow(row(fields), { vocabSize: 10, isCausal })).toThrow(message),
  );
});

describe("the real files", () => {
  const shared = sharedFolder("data/samsum", "data/squad", "data/alpaca", "data/flan_cot", "data/sharegpt");
  // name, format, rows, and a fact of the set that its quirks would spoil
  it.skipIf(!shared).each<[string, string, number, (rows: Row[]) => unknown, unknown]>([
    [
      "dialogsum/dialogsum.dev.jsonl",
      "dialogsum",
      500,
      (rows) => rows.some(({ fields }) => /\n/.test(fields.output as string)),
      false,
    ],
    [
      "dialogsum/dialogsum.test.jsonl",
      "dialogsum",
      500,
      (rows) => rows.every(({ fields }) => (fields.references as string[]).length === 3),
      true,
    ],
    ["samsum/test.csv", "samsum", 819, (rows) => rows[0]!.fields.id, "13862856"],
    [
      "financial_phrasebank/Sentences_AllAgree.txt",
      "phrasebank",
      2264,
      (rows) => rows.filter(({ fields }) => fields.label === "negative").length,
      303,
    ],
    [
      "financial_phrasebank/Sentences_50Agree.txt",
      "phrasebank",
      4846,
      (rows) => rows.some(({ fields }) => /@|\ufffd/.test(fields.sentence as string)),
      false,
    ],
    [
      "squad/dev-v1.1.json",
      "squad",
      10_570,
      (rows) => Math.max(...rows.map(({ fields }) => (fields.references as string[]).length)) > 3,
      true,
    ],
    [
      "hf_test_samples/SQUAD/sample.json",
      "squad",
      14,
      (rows) => rows.every(({ fields }) => typeof fields.answer === "string"),
      true,
    ],
    [
      "gsm8k/train.jsonl",
      "gsm8k",
      7473,
      (rows) => rows.some(({ fields }) => /<<|,\d{3}$/.test(`${fields.reasoning}`.match(/<</)?.[0] ?? `${fields.answer}`)),
      false,
    ],
    [
      "flan_cot/aqua_train.tsv",
      "flanCot",
      2728,
      (rows) => rows.some(({ fields }) => (fields.question as string).includes("\\n")),
      false,
    ],
    ["flan_cot/creak_train.tsv", "flanCot", 6915, (rows) => rows[1]!.fields.answer, "yes"],
    ["alpaca/alpaca_5000.json", "alpaca", 5000, (rows) => rows.filter(({ fields }) => fields.input === "").length, 3116],
    ["alpaca/alpaca_en_demo.json", "alpaca", 999, (rows) => rows.length, 999],
    ["alpaca/seed_tasks.jsonl", "instances", 175, (rows) => rows.every(({ fields }) => fields.output !== ""), true],
    [
      "t0_instructions/samsum_Summarize_.jsonl",
      "promptCompletion",
      200,
      (rows) => rows.some(({ fields }) => /endoftext|\r/.test(`${fields.prompt}${fields.completion}`)),
      false,
    ],
    ["sharegpt/dummy_conversation.json", "conversations", 1000, (rows) => rows.length, 1000],
    [
      "sharegpt/glaive_toolcall_en_demo.json",
      "conversations",
      957,
      (rows) => rows.some(({ fields }) => fields.tools !== undefined),
      true,
    ],
    ["sharegpt/v1_sft_demo.jsonl", "conversations", 500, (rows) => rows.length, 500],
    ["sharegpt/dpo_en_demo.json", "conversations", 563, (rows) => rows.length, 563],
    ["sharegpt/identity.json", "alpaca", 91, (rows) => rows[0]!.fields.instruction, "hi"],
    ["hf_test_samples/wmt16/sample.json", "translation", 10, (rows) => rows[0]!.fields.to, "Romanian"],
    ["multi30k/val.en", "text", 1014, (rows) => rows[0]!.fields.text, "A group of men are loading cotton onto a truck"],
  ])("%s is %s, %i rows", async (name, format, count, fact, expected) => {
    const read = await readAll(`${shared}data/${name}`);
    expect(read.format).toBe(format);
    expect(read.rows).toHaveLength(count);
    expect(fact(read.rows)).toEqual(expected);
  });
});
