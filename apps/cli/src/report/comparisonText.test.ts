// Text of data sets in what attune compare prints for other programs: it stays text.
import { expect, it } from "vitest";
import { compareSystems } from "../recipes/compare.js";
import type { System } from "../recipes/systems.js";
import { comparisonCsv, comparisonMarkdown } from "./comparisonText.js";

const NAMES = ["=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2+3", "\tx", 'a "quoted", name', "plain"];

function comparisonOf(names: readonly string[], id: string) {
  const systems = names.map(
    (name): System => ({
      name,
      task: "summarization",
      samples: [
        { id, prompt: "[x](javascript:1)", reference: "ann greets bo", output: "ann" },
        { id: `${id}2`, prompt: "p", reference: "they eat", output: "---\n# they" },
      ],
      facts: {
        ...{ parameters: null, trainableParameters: null, savedBytes: null, trainSeconds: null },
        ...{ tokensPerSecond: null, evalSeconds: null, peakDeviceBytes: null },
      },
      losses: [],
    }),
  );
  return compareSystems(systems, "summarization");
}

it("36: no cell of the CSV is a formula for a spreadsheet", () => {
  const lines = comparisonCsv(comparisonOf(NAMES, "r")).trimEnd().split("\r\n");
  const cells = lines.slice(1).map((line) => /^("(?:[^"]|"")*"|[^,]*)/.exec(line)![1]!.replace(/^"|"$/g, ""));
  expect(cells.at(-1)).toBe("plain");
  for (const [i, cell] of cells.entries()) if (i < 5) expect(cell.startsWith("'"), cell).toBe(true);
  expect(lines.join("\n")).toContain('"a ""quoted"", name"');
});

it("51: Markdown of data starts no link, heading, rule, table or HTML", () => {
  const text = comparisonMarkdown(comparisonOf(["<img src=x onerror=1>", "a|b"], "# [id](javascript:2)"), 2);
  expect(text).not.toMatch(/<img|[^\\]\]\(javascript/);
  expect(text).toMatch(/a\\\|b/);
  // headings are the page's own: the title, and one for each sample
  for (const heading of text.split("\n").filter((line) => /^\s*#/.test(line))) expect(heading).toMatch(/^#{1,3} (?!#)/);
  expect(text).not.toMatch(/^---$/m);
});
