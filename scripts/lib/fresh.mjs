// Whether something is as it was: hashes over file names, sizes and times, and the state of node_modules.
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";

/** A hash that changes when a file comes, goes or is written. Contents are not read: hundreds of files cost milliseconds. */
export async function hashOf(root, files, extra = []) {
  const facts = await Promise.all(
    [...files].sort().map(async (file) => {
      const info = await stat(path.resolve(root, file)).catch(() => null);
      return info?.isDirectory() ? "" : `${file}:${info ? `${info.size}:${Math.round(info.mtimeMs)}` : "-"}`;
    }),
  );
  return createHash("sha256")
    .update(JSON.stringify([root, facts, extra]))
    .digest("hex")
    .slice(0, 16);
}

/** Whether node_modules holds what package-lock.json asks for, judged by npm's own record of what it installed. */
export async function isInstalled(root) {
  const read = async (file) => JSON.parse(await readFile(path.join(root, file), "utf8").catch(() => "{}"));
  const [wanted, present] = await Promise.all([read("package-lock.json"), read("node_modules/.package-lock.json")]);
  if (!present.packages) return false;
  return Object.entries(wanted.packages ?? {}).every(([where, entry]) => {
    if (!where.startsWith("node_modules/")) return true;
    const has = present.packages[where];
    if (!has) return entry.optional === true || entry.peer === true; // builds for other platforms are left out
    return entry.link === true ? has.link === true : has.version === entry.version;
  });
}
