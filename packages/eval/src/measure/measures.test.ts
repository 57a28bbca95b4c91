import { describe, expect, it } from "vitest";
import { corpusBleu } from "../metrics/bleu.js";
import { corpusChrf } from "../metrics/chrf.js";
import { classification } from "../metrics/classification.js";
import { exactMatch } from "../metrics/exactMatch.js";
import { nmtBleu } from "../metrics/nmtBleu.js";
import { corpusRouge } from "../metrics/rouge.js";
import { squad } from "../metrics/squad.js";
import { classificationMeasure } from "./answers.js";
import { type Scored, Tally } from "./measure.js";
import { MEASURES, type MeasureOptions } from "./table.js";

const references = [["The boat left at nine.", "A boat sailed."], ["She paid $4.50."], ["No.", "no", "None at all"]];
const predictions = ["the boat left at 9", "She paid $4.50.", "none"];

function score(name: string, options: MeasureOptions = {}, rows: readonly (readonly string[])[] = references): Scored {
  const tally = new Tally(MEASURES[name]!.make(options), false);
  rows.forEach((row, i) => void tally.add(row, predictions[i]!));
  expect(tally.kept).toEqual([]);
  return tally.result();
}

describe("measures give what the functions over whole lists give", () => {
  it("rouge", () => {
    const corpus = corpusRouge(references, predictions, { useStemmer: true });
    const { values, signature, details } = score("rouge", { stemmer: true });
    for (const type of ["rouge1", "rouge2", "rougeL", "rougeLsum"] as const) {
      expect(values[type]).toBeCloseTo(corpus.mean[type].fmeasure, 14);
      expect((details.recall as Record<string, number>)[type]).toBeCloseTo(corpus.mean[type].recall, 14);
    }
    expect(signature).toBe(corpus.signature);
  });
  it("sacrebleu, bleu, chrf", () => {
    const ours = corpusBleu(references, predictions, { lowercase: true, tokenizer: "intl" });
    expect(score("sacrebleu", { lowercase: true, tokenizer: "intl" })).toMatchObject({
      values: { bleu: ours.score },
      signature: ours.signature,
      details: { precisions: ours.precisions },
    });
    const { bleu, signature } = nmtBleu(references, predictions, { maxOrder: 1 });
    expect(score("bleu", { maxOrder: 1 })).toMatchObject({ values: { bleu }, signature });
    const chrf = corpusChrf(references, predictions, { wordOrder: 2 });
    expect(score("chrf", { wordOrder: 2 })).toMatchObject({ values: { chrf: chrf.score }, signature: chrf.signature });
  });
  it("squad and squad_v2", () => {
    const one = squad(references, predictions);
    expect(score("squad")).toMatchObject({ values: { exact_match: one.exactMatch, f1: one.f1 }, signature: one.signature });
    const without = [references[0]!, [], references[2]!];
    const two = squad(without, predictions, { version: "2.0" });
    expect(score("squad_v2", {}, without)).toMatchObject({
      values: { exact_match: two.exactMatch, f1: two.f1, has_answer_f1: two.hasAnswer!.f1, no_answer_f1: two.noAnswer!.f1 },
      signature: two.signature,
    });
    expect(() => score("squad", {}, without)).toThrow("squad: row 2 has no reference");
  });
  it("exact_match, where any reference will do", () => {
    const first = references.map((row) => row[0]!);
    const { exactMatch: share, signature } = exactMatch(first, predictions, { ignoreCase: true });
    const single = first.map((text) => [text]);
    expect(score("exact_match", { ignoreCase: true }, single)).toMatchObject({ values: { exact_match: share }, signature });
    const { values, signature: several } = score("exact_match", { ignoreCase: true });
    expect(values.exact_match).toBe(1 / 3);
    expect(several).toBe(`${signature}|nrefs:1-3`);
  });
  it("classification", () => {
    const truth = references.map((row) => row[0]!);
    const whole = classification(truth, predictions);
    const { values, details } = score(
      "classification",
      {},
      truth.map((label) => [label]),
    );
    expect(values).toEqual({
      accuracy: whole.accuracy,
      f1_macro: whole.macro.f1,
      f1_micro: whole.micro.f1,
      f1_weighted: whole.weighted.f1,
      precision_macro: whole.macro.precision,
      recall_macro: whole.macro.recall,
      matthews: whole.matthews,
    });
    expect(details).toEqual({ labels: whole.labels, confusion: whole.confusion, perClass: whole.perClass });
  });
});

it("unparsed answers are a class of their own, wrong, and counted", () => {
  const measure = classificationMeasure({ labelOf: (text) => (["up", "down"].includes(text) ? text : "?"), unparsed: "?" });
  const tally = new Tally(measure, false);
  for (const guess of ["up", "hm", "Up!", "down"]) tally.add(["up"], guess);
  const { values, details } = tally.result();
  expect(values.accuracy).toBe(1 / 4);
  expect(details).toMatchObject({ labels: ["?", "down", "up"], unparsed: 2 });
});

it("refuses no rows and a row without reference", () => {
  for (const name of Object.keys(MEASURES)) {
    const tally = new Tally(MEASURES[name]!.make({}), false);
    expect(() => tally.result()).toThrow(`${tally.measure.name}: 0 rows; a score needs at least one`);
    if (name !== "squad_v2") expect(() => tally.add([], "x")).toThrow("row 1 has no reference");
  }
});
