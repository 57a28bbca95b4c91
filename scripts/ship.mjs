// What `npm pack` takes into a package from the project's top: the licence into each, and into the command line the recipes,
// the bundled model and rows, and the stand-ins. Called in a package's folder, by its prepack and postpack.
//   node ../../scripts/ship.mjs in      copies them in
//   node ../../scripts/ship.mjs out     takes them out again
import { cpSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("..", import.meta.url));
const SHIPPED = { "apps/cli": ["LICENSE", "recipes", "data/bundled", "data/stand-ins"] };
const ALL = ["LICENSE"];

const home = process.cwd();
const folder = path.relative(top, home).split(path.sep).join("/");
if (!/^(packages|apps)\/[^/]+$/.test(folder)) {
  console.error(`ship.mjs: ${home} is no package of this project; it is called by npm pack in one`);
  process.exit(2);
}
const names = SHIPPED[folder] ?? ALL;
for (const name of names) rmSync(path.join(home, name.split("/")[0]), { recursive: true, force: true });
if (process.argv[2] === "in") for (const name of names) cpSync(path.join(top, name), path.join(home, name), { recursive: true });
