// The tables of docs/numerics.md: worst error and bound of every kernel and op, as `npm run numerics` measured them.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export interface Row {
  name: string;
  runs: number;
  worstError: number;
  bound: number;
}

/** Rows between `<!-- numerics:NAME -->` and `<!-- /numerics -->`, by name. */
export function readNumericsTable(table: string): Map<string, Row> {
  const text = readFileSync(path.join(root, "docs", "numerics.md"), "utf8");
  const inside = text.split(`<!-- numerics:${table} -->`)[1]?.split("<!-- /numerics -->")[0] ?? "";
  const rows = inside.matchAll(/^\| `([^`]+)` \| (\d+) \| (\S+) \| (\S+) \|/gm);
  return new Map(
    [...rows].map(([, name, runs, worst, bound]) => {
      return [name!, { name: name!, runs: Number(runs), worstError: Number(worst), bound: Number(bound) }];
    }),
  );
}
