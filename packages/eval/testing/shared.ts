// The reference data beside the checkout (../shared): a test that needs it skips, with the reason, where it is absent.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

const folder = fileURLToPath(new URL("../../../../shared/", import.meta.url));

/** The text of a file of ../shared, or the test is skipped. */
export function sharedText(context: TestContext, path: string): string {
  if (!existsSync(folder + path)) context.skip(`../shared/${path} is not there: reference data that does not ship with attune`);
  return readFileSync(folder + path, "utf8");
}

/** A record of ../shared/golden/metrics. */
export function goldenMetric<T>(context: TestContext, name: string): T {
  return JSON.parse(sharedText(context, `golden/metrics/${name}`)) as T;
}

/** Rows of a CSV file, by the names in its first line. Quoted fields may hold commas, line breaks and doubled quotes. */
export function csvRows(text: string): Record<string, string>[] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === "" && quoted === undefined && plain === "" && lines.at(-1)!.length === 0) break;
    lines.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end !== "," && end !== "") lines.push([]);
  }
  if (lines.at(-1)!.length === 0) lines.pop();
  const [header, ...rows] = lines;
  return rows.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i]!])));
}
