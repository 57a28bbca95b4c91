// The reference data beside the checkout (../shared): tests that need it skip, saying so, where it is absent.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../../shared/", import.meta.url));

/** Where ../shared is, with a slash at the end; undefined (and one printed line) where it is absent. */
export function sharedFolder(...needed: string[]): string | undefined {
  const missing = needed.find((path) => !existsSync(folder + path));
  if (missing === undefined) return folder;
  console.log(`skipped: ../shared/${missing} is not there (reference data that does not ship with the project)`);
  return undefined;
}
