// What is evaluated, and by what, before there is a device.
import type { Example } from "@attune/models";
import { formatNamed } from "@attune/tuning";
import { describe, expect, it } from "vitest";
import { parseRun } from "../run/load.js";
import { referencesOf } from "./answers.js";
import { countAnswers, type HeldOut } from "./data.js";
import { isEvaluated, planEvaluations } from "./evaluations.js";

const runOf = (evaluation: Record<string, unknown>) =>
  parseRun(
    JSON.stringify({ model: { path: "m" }, data: { train: "t.jsonl", validation: "v.jsonl" }, eval: evaluation }),
    { file: "run.yaml" },
  ); // biome-ignore format: one object
const example = (completion: string, task?: string): Example => ({
  id: "1", prompt: "p", completion, fields: {}, ...(task === undefined ? {} : { task }),
}); // biome-ignore format: few lines
const heldOf = (format: string, task: string | null = null): HeldOut => ({
  task,
  format: formatNamed(format),
  examples: [example("positive", task ?? undefined)],
  batches: [],
});
const plan = (evaluation: Record<string, unknown>, held: HeldOut[], examples: Example[] = [], totalSteps = 90) =>
  planEvaluations(runOf(evaluation), { held, answers: countAnswers(examples), totalSteps });

describe("the measure", () => {
  it.each([
    ["dialogsum", "rouge"],
    ["phrasebank", "classification"],
    ["squad", "squad"],
    ["gsm8k", "gsm8k"],
    ["flanCot", "stated_answer"],
    ["translation", "sacrebleu"],
    ["alpaca", "rouge"],
    ["rows", "rouge"],
  ])("of %s is %s", (format, name) => {
    expect(plan({}, [heldOf(format)]).measures[0]!.measure.name).toBe(name);
  });
  it("is the one that the run names", () => {
    expect(plan({ metric: "chrf" }, [heldOf("dialogsum")]).measures[0]!.measure.name).toBe("chrf");
  });
  it("of a set of a mixture is its own; a template that says where answers stand is judged by them", () => {
    const news = { ...heldOf("phrasebank", "news"), metric: "exact_match" };
    const why = { ...heldOf("rows", "why"), answerAfter: "So:" };
    const planned = plan({}, [news, why, heldOf("dialogsum", "sum")]).measures;
    expect(planned.map(({ measure }) => measure.name)).toEqual(["exact_match", "stated_answer", "rouge"]);
    const columns = (text: string) => planned[1]!.measure.row(["Hence. So: two."], text).amounts;
    expect([columns("I guess. so: Two"), columns("two")]).toEqual([
      [1, 1, 0],
      [1, 0, 1],
    ]);
    expect(plan({ metric: "rouge", every: 10, generate: true, best: "stated_answer" }, [heldOf("flanCot")]).best!.name).toBe(
      "stated_answer",
    ); // beside another metric it is a further value
    expect(() => parseRun("model: {path: m}\ndata: {mixture: [{train: a, metric: rogue}]}", { file: "r.yaml" })).toThrow(
      /data\.mixture\.0\.metric must be one of rouge, .* not rogue/,
    );
  });
  it("of classes knows the labels of the training rows of its own set, and wants few of them", () => {
    const examples = ["positive", "negative", "positive"].map((label) => example(label, "news"));
    const planned = plan({}, [heldOf("phrasebank", "news")], [...examples, example("a summary", "sum")]);
    const { measure } = planned.measures[0]!;
    const column = (answer: string) => measure.row(["positive"], answer).columns[0];
    expect(column("The sentiment is positive.")).toBe(column("positive"));
    expect(column("a summary")).not.toBe(column("positive")); // of another set: no class here
    const many = Array.from({ length: 65 }, (_, i) => example(`answer ${i}`));
    expect(() => plan({ metric: "classification" }, [heldOf("rows")], many)).toThrow(
      /eval.metric: classification wants a few labels, and the rows have more than 64 different answers/,
    );
  });
});

describe("classes by probability", () => {
  const examples = [" up", " down", " up"].map((label) => example(label));
  const held = [heldOf("phrasebank")];
  it("are chosen among the completions as they are learnt, in the order of the labels", () => {
    const [measure] = plan({ method: "likelihood" }, held, examples).measures;
    expect(measure!.choices).toEqual([" down", " up"]);
    expect(plan({}, held, examples).measures[0]!.choices).toBeNull();
  });
  it("leave tasks without classes to generation, and are refused where there is nothing else", () => {
    const [summaries, news] = plan(
      { method: "likelihood" },
      [heldOf("dialogsum", "sum"), heldOf("phrasebank", "news")],
      [example("a summary", "sum"), example("up", "news")],
    ).measures;
    expect([summaries!.choices, news!.choices]).toEqual([null, ["up"]]);
    expect(() => plan({ method: "likelihood" }, [heldOf("dialogsum")])).toThrow(
      /eval.method: likelihood chooses among a few labels, and none of the validation rows is judged as classification/,
    );
  });
});

describe("the points", () => {
  const at = (evaluation: Record<string, unknown>, held = [heldOf("rows")]) => {
    const made = plan(evaluation, held);
    const steps = Array.from({ length: 90 }, (_, i) => i + 1).filter((step) => isEvaluated(made, step, 90));
    expect(steps.length).toBe(made.points);
    return steps;
  };
  it("are multiples and the end, a share rounded up as transformers does", () => {
    expect(at({})).toEqual([90]);
    expect(at({ every: 40 })).toEqual([40, 80, 90]);
    expect(at({ every: 0.5 })).toEqual([45, 90]);
    expect(at({ every: 0.34 })).toEqual([31, 62, 90]);
    expect(at({ every: 1000 })).toEqual([90]);
  });
  it("are none without validation rows", () => expect(at({}, [])).toEqual([]));
  it("are one more before the first update with first, which wants rows", () => {
    const before = (evaluation: Record<string, unknown>, held = [heldOf("rows")]) => isEvaluated(plan(evaluation, held), 0, 90);
    expect(before({ first: true })).toBe(true);
    expect(before({ every: 40 })).toBe(false);
    expect(before({ first: true }, [])).toBe(false);
    expect(at({ first: true, every: 40 })).toEqual([40, 80, 90]);
  });
});

describe("the best value", () => {
  const two = [heldOf("dialogsum", "sum"), heldOf("phrasebank", "news")];
  it("is loss where there are several evaluations, and less of it is better", () => {
    expect(plan({ every: 10 }, two).best).toEqual({ name: "loss", greaterIsBetter: false });
    expect(plan({}, two).best).toBeNull();
  });
  it("may be any that is measured; in a mixture with its set's name", () => {
    expect(plan({ every: 10, generate: true, best: "rougeL" }, [two[0]!]).best).toEqual({
      name: "rougeL",
      greaterIsBetter: true,
    });
    expect(plan({ every: 10, generate: true, best: "news/f1_macro" }, two).best!.name).toBe("news/f1_macro");
    expect(() => plan({ every: 10, generate: true, best: "f1_macro" }, two)).toThrow(
      /eval.best: f1_macro is no value that is measured; there are loss, sum\/rouge1, .*news\/accuracy/,
    );
  });
});

it("references are all right answers of a row, without a template's sentinels", () => {
  expect(referencesOf(example("<extra_id_0> Ann goes."))).toEqual(["Ann goes."]);
  expect(referencesOf({ ...example("a"), references: ["a", "<extra_id_0> b"] })).toEqual(["a", "b"]);
});
