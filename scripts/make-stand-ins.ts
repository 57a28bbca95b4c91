/**
 * Writes data/stand-ins: what the tiny recipes run on where the real data sets are not at hand. Everything comes from our own templates
 * and rules (scripts/stand-ins, scripts/bundled), so the project may ship it; it says nothing of how well a model does on the real sets.
 *
 *   npx tsx --conditions=@attune/source scripts/make-stand-ins.ts
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { standIns } from "./stand-ins/files.js";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "data", "stand-ins");
rmSync(folder, { recursive: true, force: true });
let total = 0;
for (const [name, bytes] of standIns()) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), bytes);
  total += bytes.length;
  console.log(`${name}: ${(bytes.length / 1024).toFixed(0)} KiB`);
}
console.log(`${(total / 1024).toFixed(0)} KiB in all`);
