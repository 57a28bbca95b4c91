import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it that are missing, one after the other, since Node's recursive mkdir never ends below /proc. Returns
 * those that it made, the uppermost first; where one cannot be made none of them stays.
 */
export async function makeFolder(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let there = resolve(path); !(await stat(there).catch(notThere)); there = dirname(there)) missing.unshift(there);
  const made: string[] = [];
  try {
    for (const one of missing) if (await makeOne(one)) made.push(one);
    return made;
  } catch (error) {
    for (const one of made.reverse()) await rmdir(one).catch(() => {}); // somebody else may have put something there
    throw error;
  }
}

/** False where another process was faster. */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function notThere(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
