import path from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { withDriverEnv } from "./scripts/driver.mjs";
import ReportFile from "./scripts/lib/reporter.mjs";

// Tests run in forked processes, which see the software driver only if it is in the environment they start with;
// set here, `npx vitest` in any package finds its adapter without further ado.
Object.assign(process.env, withDriverEnv(process.env));

const conditions = ["@attune/source", "node", "import", "module", "default"];
const reports = process.env.ATTUNE_REPORTS;

/** Shared by every package: source conditions (no build needed), and one process a file, since Dawn wants a process of its own. */
export default defineConfig({
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  test: {
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    passWithNoTests: true,
    setupFiles: [fileURLToPath(new URL("./scripts/lib/orderlyEnd.mjs", import.meta.url))],
    reporters: reports ? ["default", new ReportFile(path.join(reports, `${path.basename(process.cwd())}.json`))] : ["default"],
  },
});
