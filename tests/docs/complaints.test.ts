// docs/complaints.md names reports, a command and tests for each of twelve complaints: the reports are those of that complaint, the
// others exist.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../apps/cli/src/commands/table.js";
import { root } from "./pages.js";

interface Row {
  number: number;
  reports: string;
  command: string;
  tests: { file: string; name: string }[];
}

/** Where each of the twelve was reported: trackers and numbers of their issues. The words of the page may change, what it answers may not. */
const REPORTS: readonly string[] = [
  "trl 1623, 3091, 5988, 7230",
  "trl 5213, 6105; axolotl 2089",
  "unsloth 522, 2142, 5410; mlx-examples 425, 622; peft 1035",
  "LLaMA-Factory 5145, 6736",
  "transformers 37766, 35438, 34191",
  "transformers 23918, 11461; dialogsum 14",
  "torchtune 1551; mlx-lm 97; LLaMA-Factory 7085, 9325",
  "mlx-lm 331, 509",
  "axolotl 290, 1599",
  "axolotl 2781, 1945; LLaMA-Factory 5647",
  "xtuner 1466; caikit-nlp 226; peft 2378",
  "datasets 617; evaluate 186; google-research 168",
];

/** The rows of the table. Throws where one has not all its columns. */
function complaintsOf(page: string): Row[] {
  return page
    .split("\n")
    .filter((line) => /^\| *\d/.test(line))
    .map((line) => {
      const cells = line.slice(1, -1).split(" | ");
      const command = /^`attune ([a-z-]+)(?: [^`]*)?`$/.exec(cells[4]?.trim() ?? "")?.[1];
      const tests = (cells[5]?.trim() ?? "").split(/; (?=`)/).flatMap((one) => {
        const [, file, name] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(one) ?? [];
        return file && name ? [{ file, name }] : [];
      });
      if (cells.length !== 6 || !command || tests.length === 0) throw new Error(`not a row of six columns: ${line}`);
      return { number: Number(cells[0]), reports: cells[2]!.trim(), command, tests };
    });
}

/** What is not so. */
function faultsOf({ number, reports, command, tests }: Row): string[] {
  const isCommand = COMMANDS.some((entry) => entry.name === command);
  const isTest = ({ file, name }: Row["tests"][number]): boolean => {
    const text = existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), "utf8") : "";
    return [...text.matchAll(/\b(?:it|test)(?:\.\w+(?:\([^)]*\))?)?\(\s*(["'`])(.*?)\1/g)].some(([, , found]) => found === name);
  };
  return [
    ...(reports === REPORTS[number - 1] ? [] : [`complaint ${number} was reported in ${REPORTS[number - 1]}`]),
    ...(isCommand ? [] : [`no command ${command}`]),
    ...tests.filter((one) => !isTest(one)).map(({ file, name }) => `${file} has no test "${name}"`),
  ];
}

const rows = complaintsOf(readFileSync(path.join(root, "docs/complaints.md"), "utf8"));

test("there are twelve", () => expect(rows.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));

describe("each has its reports, its command and its tests", () => {
  test.each(rows)("$number: attune $command", (row) => expect(faultsOf(row)).toEqual([]));
});

test("a row of neither is found out", () => {
  const here = "`tests/docs/complaints.test.ts`";
  const [row] = complaintsOf(`| 1 | a | trl 1 | c | \`attune fly\` | ${here}: there are twelve; ${here}: there are thirteen |`);
  expect(faultsOf(row!)).toEqual([
    "complaint 1 was reported in trl 1623, 3091, 5988, 7230",
    "no command fly",
    'tests/docs/complaints.test.ts has no test "there are thirteen"',
  ]);
  expect(() => complaintsOf("| 1 | a | b | c | none | none |")).toThrow(/not a row/);
});
