// docs/kernel-developer.md is true: its `sh run` blocks are run, and print what their `#>` lines say.
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune, type Ended } from "../cli/attune.js";
import { commandLines, missingPiece, readPages } from "../docs/pages.js";

const page = readPages("docs").find(({ file }) => file === "docs/kernel-developer.md")!;
const runs = commandLines(page).map((line) => ({ ...line, words: line.command.replace("npx attune ", "").split(" ") }));

let ended: Ended[] = [];
beforeAll(async () => {
  for (const { words } of runs) ended.push(await attune(words));
}, 120_000);
afterAll(() => {
  ended = [];
});

it("has commands", () => expect(runs.length).toBeGreaterThan(1));

it.each(runs.map((run, i) => ({ ...run, i })))("$command", ({ i, promised, where }) => {
  const { code, stdout, stderr } = ended[i]!;
  expect(code, `${where}: ${stderr}`).toBe(0);
  expect(missingPiece(promised, stdout), stdout).toBeNull();
});

it("a case or a size that is not there is refused with what there is", async () => {
  const [noCase, noSize] = [
    await attune(["kernels", "test", "softmaxx"]),
    await attune(["kernels", "test", "softmax/rows, lanes alone", "--dims", "rows=2,columns=3"]),
  ];
  expect(noCase.code).toBe(2);
  expect(noCase.stderr).toContain('no kernel case is named like "softmaxx": elementwise/unary, ');
  expect(noSize.code).toBe(2);
  expect(noSize.stderr).toContain("columns=3 is no size of softmax/rows, lanes alone: its sizes are rows, cols");
});
