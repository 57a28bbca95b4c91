import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exampleOf, parseTemplate } from "./template.js";

const row = (fields: Record<string, unknown>) => ({ where: "train.jsonl:17", fields });

describe("parseTemplate", () => {
  it("fills fields and keeps doubled braces", () => {
    const template = parseTemplate('Summarise: {dialogue}\n{{"as": "{ style }"}}');
    expect(template.fields).toEqual(["dialogue", "style"]);
    expect(template.render(row({ dialogue: "{x} A: Hi", style: "json" }))).toBe('Summarise: {x} A: Hi\n{"as": "json"}');
  });

  it("says where a brace is wrong", () => {
    expect(() => parseTemplate("a {b", "data.prompt")).toThrow(/data.prompt: "\{" is not closed at character 3/);
    expect(() => parseTemplate("a } b")).toThrow(/"\}" closes nothing at character 3/);
    expect(() => parseTemplate("{}")).toThrow(/no field name/);
    expect(() => parseTemplate("{a{b}")).toThrow(/no field name/);
    try {
      parseTemplate("{");
    } catch (error) {
      expect(error).toMatchObject({ exitClass: "usage" });
    }
  });

  it("names file, line, field, what is there and the nearest", () => {
    const template = parseTemplate("{dialog}", "data.prompt");
    expect(() => template.render(row({ fname: "x", dialogue: "y", "su\nm": "z" }))).toThrow(
      'train.jsonl:17: no field "dialog", which data.prompt needs; the row has fname, dialogue, su\\x0am (did you mean "dialogue"?)',
    );
    expect(() => template.render(row({}))).toThrow(/the row has none/);
    expect(() => parseTemplate("{toString}").render(row({ a: "b" }))).toThrow(/no field "toString"/);
    expect(() => parseTemplate("{__proto__}").render(row({ a: "b" }))).toThrow(/no field/);
  });

  it.each([
    [3, "a number"],
    [null, "null"],
    [["x"], "a list"],
    [{}, "an object"],
    [true, "a boolean"],
  ])("refuses %j where text is needed", (value, kind) => {
    expect(() => parseTemplate("{a}").render(row({ a: value }))).toThrow(
      `train.jsonl:17: the field "a" is ${kind}, template needs text`,
    );
  });

  it("gives back any text whose braces are doubled", () => {
    fc.assert(fc.property(fc.string(), (text) => parseTemplate(text.replace(/[{}]/g, "$&$&")).render(row({})) === text));
  });
});

describe("exampleOf", () => {
  const templates = { prompt: parseTemplate("summarize: {dialogue}"), completion: parseTemplate("{summary}") };

  it("keeps text fields and the row's own id", () => {
    expect(exampleOf(row({ fname: "t_1", dialogue: "d", summary: "s", n: 3 }), templates)).toEqual({
      id: "t_1",
      prompt: "summarize: d",
      completion: "s",
      fields: { fname: "t_1", dialogue: "d", summary: "s" },
    });
    expect(exampleOf(row({ id: 7, dialogue: "d" }), { prompt: templates.prompt })).toMatchObject({ id: "7", completion: "" });
    expect(exampleOf(row({ dialogue: "d", summary: "s" }), templates).id).toBe("train.jsonl:17");
  });
});
