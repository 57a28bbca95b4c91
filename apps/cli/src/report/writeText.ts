// A file that appears whole or not at all.
import { rename, rm, writeFile } from "node:fs/promises";
import { printable } from "@attune/models";
import { userError } from "../errors.js";

/** Throws (storage) where the file cannot be written. */
export async function writeText(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw userError("storage", `${printable(file, 300)}: cannot be written (${(error as NodeJS.ErrnoException).code})`, error);
  }
}
