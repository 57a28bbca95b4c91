// Where what comes with attune lies: beside this package's own files where it was installed, at the project's top in a clone.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url)); // the package, from src/ and dist/ alike

/** The folder "recipes" or "data". scripts/ship.mjs puts both into the package that is published. */
export function shippedFolder(name: "recipes" | "data"): string {
  const packed = path.join(home, name);
  return existsSync(packed) ? packed : path.resolve(home, "../..", name);
}

/** The JSON Schema of runs. */
export const schemaAsset: string = path.join(home, "assets", "run.schema.json");
