// Writes what a vitest run found as one JSON file for scripts/test.mjs; vitest's own JSON leaves out why a test was skipped.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

export default class ReportFile {
  constructor(file) {
    this.file = file;
  }

  onTestRunEnd(modules, unhandledErrors) {
    const tests = [];
    for (const module of modules) {
      const file = path.relative(process.cwd(), module.moduleId);
      const entry = (name, state, rest) => tests.push({ file, name, state, ...rest });
      // A file that cannot be loaded has no tests, and must not pass for it.
      for (const error of module.errors()) entry("(the file itself)", "failed", { message: text(error) });
      for (const test of module.children.allTests()) {
        const { state, errors, note } = test.result();
        entry(test.fullName, state, {
          message: errors?.map(text).join("\n"),
          note: note ?? (test.options.mode === "todo" ? "to do" : undefined),
          ms: Math.round(test.diagnostic()?.duration ?? 0),
        });
      }
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors()) entry(suite.fullName, "failed", { message: text(error) });
      }
    }
    for (const error of unhandledErrors)
      tests.push({ file: "", name: "(outside any test)", state: "failed", message: text(error) });
    mkdirSync(path.dirname(this.file), { recursive: true });
    writeFileSync(this.file, JSON.stringify({ tests }));
  }
}

const text = (error) =>
  [error.message, error.diff]
    .filter(Boolean)
    .join("\n")
    .replace(/\u001b\[[\d;]*m/g, "");
