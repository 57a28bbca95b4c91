import { describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { openChatTemplate, readChatTemplate } from "../node/chatTemplate.js";
import { diskFiles } from "../node.js";
import { memoryFiles } from "../source.js";
import { literalText } from "../tokenizers/literal.js";
import { loadTokenizer } from "../tokenizers/tokenizer.js";
import type { Example, Row } from "./example.js";
import { drawShots, withShots } from "./fewShot.js";
import { compileTemplate, readTemplateFile, TEMPLATE_FILE, writeTemplateFile } from "./promptTemplate.js";
import { TEMPLATE_NAMES, templateNamed } from "./templates.js";

const row = (fields: Record<string, unknown>): Row => ({ where: "f:1", fields });
const utf8 = (text: string) => new TextEncoder().encode(text);

describe("templates", () => {
  const render = (name: string, fields: Record<string, unknown>, task?: string, index = 0) =>
    compileTemplate(templateNamed(name, task)).render(row(fields), index, { seed: 1 });
  it("take the form that a row has the fields for", () => {
    const fields = { instruction: "Add.", input: "1 2", output: "3" };
    expect(render("instruction", fields)).toMatchObject({
      prompt: "### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n",
      completion: "3",
    });
    expect(render("instruction", { ...fields, input: " " }).prompt).toBe("### Instruction:\nAdd.\n\n### Response:\n");
    expect(render("alpaca", fields).prompt).toMatch(/^Below is .* paired with an input that provides further context\. Write/);
    expect(render("alpaca", { ...fields, input: "" }).prompt).toMatch(/^Below is an instruction that describes a task\. Write/);
    expect(render("chainOfThought", { question: "q", reasoning: "r", answer: "7" })).toMatchObject({
      completion: "r\nThe answer is 7.",
    });
  });
  it("of FLAN draw a phrasing by seed and row, the same each time", () => {
    const fields = { instruction: "i", input: "x", output: "y", from: "English", to: "German" };
    for (const task of ["summarization", "sentiment", "questions", "translation", "general"]) {
      const prompts = Array.from({ length: 200 }, (_, i) => render("flan", fields, task, i).prompt);
      expect(new Set(prompts).size).toBe(
        templateNamed("flan", task).forms.filter(({ needs }) => task !== "general" || needs).length,
      );
      expect(Array.from({ length: 200 }, (_, i) => render("flan", fields, task, i).prompt)).toEqual(prompts);
    }
  });
  it("are refused where they do not exist or cannot be read", () => {
    expect(() => templateNamed("alpca")).toThrow(/no template "alpca"; known are .*alpaca/);
    expect(() => templateNamed("constructor")).toThrow(/no template/);
    expect(() => compileTemplate({ name: "x", forms: [] })).toThrow(/no forms/);
    for (const name of TEMPLATE_NAMES) compileTemplate(templateNamed(name));
  });
});

describe("a template's file", () => {
  it("gives back what was written", async () => {
    const template = { ...templateNamed("chainOfThought"), shots: [{ prompt: "a", completion: "b" }], separator: "\n" };
    expect(await readTemplateFile(memoryFiles({ [TEMPLATE_FILE]: utf8(writeTemplateFile(template)) }))).toEqual(template);
    expect(await readTemplateFile(memoryFiles({}))).toBeUndefined();
  });
  it.each([
    [{ version: 2 }, /has version 2, this program reads version 1/],
    [{ version: 1, name: "x", forms: [{ prompt: 1 }] }, /expected name and forms/],
    [{ version: 1, name: "x", forms: [{ prompt: "{a", completion: "" }] }, /"\{" is not closed/],
    [{ version: 1, name: "x", forms: [{ prompt: "", completion: "" }], shots: ["a"] }, /shots must be pairs/],
  ])("%j is refused", async (json, message) => {
    await expect(readTemplateFile(memoryFiles({ [TEMPLATE_FILE]: utf8(JSON.stringify(json)) }))).rejects.toThrow(message);
  });
});

describe("few-shot prompts", () => {
  const pool: Example[] = Array.from({ length: 30 }, (_, i) => ({
    id: `${i}`,
    prompt: `q${i}`,
    completion: `a${i}`,
    fields: { label: i < 26 ? "many" : `rare${i % 2}` },
  }));
  it("never hold the row itself, and labels alike", () => {
    for (const [i, own] of pool.entries()) {
      const shots = drawShots(pool, own, i, { count: 6, seed: 3, label: "label" });
      expect(shots.map(({ prompt }) => prompt)).not.toContain(own.prompt);
      expect(new Set(shots.map(({ prompt }) => prompt)).size).toBe(6);
      const rare = shots.filter(({ prompt }) => Number(prompt.slice(1)) >= 26).length;
      expect(rare).toBeGreaterThanOrEqual(i < 26 ? 4 : 3);
      expect(drawShots(pool, own, i, { count: 6, seed: 3, label: "label" })).toEqual(shots);
    }
    expect(() => drawShots(pool.slice(0, 3), pool[0], 0, { count: 3, seed: 1 })).toThrow(
      /need 3 examples besides the row itself; the data has 2/,
    );
  });
  it("stand in front of the prompt", () => {
    expect(
      withShots("Q?", [
        { prompt: "A?", completion: "b" },
        { prompt: "C:\n", completion: "d" },
      ]),
    ).toBe("A? b\n\nC:\nd\n\nQ?");
  });
});

describe("47: special tokens within data", () => {
  const shared = sharedFolder("data/tokenizers/t5", "data/tokenizers/opt");
  it.skipIf(!shared).each(["t5", "opt"])("are text for %s, while the template's own are tokens", async (name) => {
    const tokenizer = await loadTokenizer(diskFiles(`${shared}data/tokenizers/${name}`));
    const { specialTokens, eosId } = tokenizer;
    const [special, mine] = name === "t5" ? ["<extra_id_0>", "<extra_id_1>"] : ["<pad>", "<pad>"];
    const { prompt } = compileTemplate({ name: "x", forms: [{ prompt: `${mine} {a}`, completion: "" }] }).render(
      row({ a: `b </s> ${special} c \ufdd0</s>` }),
      0,
      { seed: 0, specialTokens },
    );
    const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
    expect(ids.filter((id) => id === tokenizer.tokenToId(mine!))).toHaveLength(1);
    expect(ids[0]).toBe(tokenizer.tokenToId(mine!));
    expect(ids).not.toContain(eosId);
    if (special !== mine) expect(ids).not.toContain(tokenizer.tokenToId(special!));
    if (name === "opt") expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe("<pad> b </s> <pad> c </s>");
    expect(tokenizer.encode(prompt).filter((id) => id === eosId)).toHaveLength(1); // the one that the tokenizer adds
    expect(tokenizer.encode(literalText("b </s> c", specialTokens), { addSpecialTokens: false })).toEqual(LITERAL[name]);
    // marks are only made where there is a special token
    expect(literalText("plain < text", specialTokens)).toBe("plain < text");
  });
  it("stay tokens in fields that are trusted", () => {
    const template = compileTemplate({ name: "x", forms: [{ prompt: "{a}{b}", completion: "" }] });
    const options = { seed: 0, specialTokens: ["</s>"], trustedFields: ["a"] };
    expect(template.render(row({ a: "</s>", b: "</s>" }), 0, options).prompt).toBe("</s><\ufdd0/s>");
  });
});
// OPT's are those of tokenizers with encode_special_tokens. For T5 Python still gives </s>, which is a piece of its vocabulary; here its
// characters are spelt: "<" is unknown to T5.
const LITERAL: Record<string, number[]> = { t5: [3, 115, 3, 2, 87, 7, 3155, 3, 75], opt: [428, 49703, 29, 15698, 740] };

describe("48: chat templates", () => {
  const talk = [{ role: "user" as const, content: "Hi" }];
  it("are rendered as transformers does, by name, with the model's tokens", async () => {
    const text =
      "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    const config = {
      chat_template: [
        { name: "tool_use", template: "x" },
        { name: "default", template: text },
      ],
      bos_token: { content: "<s>" },
    };
    const found = await readChatTemplate(memoryFiles({ "tokenizer_config.json": utf8(JSON.stringify(config)) }));
    const chat = openChatTemplate(found!, "m");
    expect(await Promise.all([chat.render(talk), chat.render(talk, { addGenerationPrompt: false })])).toEqual([
      "<s><user>Hi<assistant>",
      "<s><user>Hi",
    ]);
    await chat.close();
    expect(await readChatTemplate(memoryFiles({}))).toBeUndefined();
  });
  it.each([
    ["{% for i in range(200000000) %}{% endfor %}", /the chat template fails: a range of 200000000 items/],
    ["{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", /takes longer than 1.5 s|too much memory/],
    ["{{ raise_exception('only users') }}", /the chat template fails: .*only users/],
    ["{% for i in range(3000) %}xxxxxxxxxx{% endfor %}", /writes more than 20000 characters/],
    ["{% if %}", /the chat template fails/],
    ["{{ messages.constructor.constructor('return process')() }}", /the chat template fails/],
  ])("%s is stopped", async (text, message) => {
    const chat = openChatTemplate({ text }, "m", { timeoutMs: 1500, maxHeapMb: 64, maxOutput: 20_000 });
    await expect(chat.render(talk)).rejects.toThrow(message);
    await chat.close();
  });
});
