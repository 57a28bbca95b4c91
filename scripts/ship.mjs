// What `npm pack` of the command line takes with it: recipes and the bundled model and dialogues, which lie at the project's top.
//   node scripts/ship.mjs in      copies them into apps/cli (before packing)
//   node scripts/ship.mjs out     takes them out again
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const from = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const SHIPPED = { recipes: "recipes", "data/bundled": "data/bundled" };

for (const folder of ["recipes", "data"]) rmSync(from(`apps/cli/${folder}`), { recursive: true, force: true });
if (process.argv[2] === "in") {
  for (const [source, target] of Object.entries(SHIPPED)) cpSync(from(source), from(`apps/cli/${target}`), { recursive: true });
}
