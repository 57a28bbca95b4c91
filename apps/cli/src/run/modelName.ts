// What a model's name is: a folder here, the model that comes with attune, or a repository on the hub.
import path from "node:path";
import { parseHubName } from "@attune/models";
import { shippedFolder } from "../shipped.js";

/** What the model that comes with attune is called, where no folder has that name. */
export const BUNDLED = "bundled";

/** Its folder; null for any other name. */
export const bundledModel = (name: string): string | null =>
  name === BUNDLED ? path.join(shippedFolder("data"), "bundled", "base") : null;

/**
 * Whether a name that is no folder here may be one on the hub. "name" alone is taken for a folder that is missing: only the hub's
 * oldest models are named so, and a typing error should not become a download.
 */
export function isHubName(name: string): boolean {
  return name.includes("/") && parseHubName(name) !== undefined;
}
