// docs/complaints.md names a command and a test for each of twelve complaints: both exist.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../apps/cli/src/commands/table.js";
import { root } from "./pages.js";

interface Row {
  number: number;
  command: string;
  file: string;
  name: string;
}

/** The rows of the table. Throws where one has not all its columns. */
function complaintsOf(page: string): Row[] {
  return page
    .split("\n")
    .filter((line) => /^\| *\d/.test(line))
    .map((line) => {
      const cells = line.slice(1, -1).split(" | ");
      const command = /^`attune ([a-z-]+)(?: [^`]*)?`$/.exec(cells[4]?.trim() ?? "")?.[1];
      const [, file, name] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(cells[5]?.trim() ?? "") ?? [];
      if (cells.length !== 6 || !command || !file || !name) throw new Error(`not a row of six columns: ${line}`);
      return { number: Number(cells[0]), command, file, name };
    });
}

/** What is not so. */
function faultsOf({ command, file, name }: Row): string[] {
  const isCommand = COMMANDS.some((entry) => entry.name === command);
  const text = existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), "utf8") : "";
  const isTest = [...text.matchAll(/\b(?:it|test)(?:\.\w+(?:\([^)]*\))?)?\(\s*(["'`])(.*?)\1/g)].some(
    ([, , found]) => found === name,
  );
  return [...(isCommand ? [] : [`no command ${command}`]), ...(isTest ? [] : [`${file} has no test "${name}"`])];
}

const rows = complaintsOf(readFileSync(path.join(root, "docs/complaints.md"), "utf8"));

test("there are twelve", () => expect(rows.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));

describe("each has its command and its test", () => {
  test.each(rows)("$number: attune $command", (row) => expect(faultsOf(row)).toEqual([]));
});

test("a row of neither is found out", () => {
  const [row] = complaintsOf("| 1 | a | b | c | `attune fly` | `tests/docs/complaints.test.ts`: there are thirteen |");
  expect(faultsOf(row!)).toEqual(["no command fly", 'tests/docs/complaints.test.ts has no test "there are thirteen"']);
  expect(() => complaintsOf("| 1 | a | b | c | none | none |")).toThrow(/not a row/);
});
