// What a model's name is: a folder here, or a repository on the hub.
import { parseHubName } from "@attune/models";

/**
 * Whether a name that is no folder here may be one on the hub. "name" alone is taken for a folder that is missing: only the hub's
 * oldest models are named so, and a typing error should not become a download.
 */
export function isHubName(name: string): boolean {
  return name.includes("/") && parseHubName(name) !== undefined;
}
