import { defineConfig } from "vitest/config";

/** Shared by every package: source conditions (no build needed), and one process a file, since Dawn wants a process of its own. */
export default defineConfig({
  ssr: { resolve: { conditions: ["@attune/source", "node", "import", "module", "default"] } },
  resolve: { conditions: ["@attune/source", "node", "import", "module", "default"] },
  test: {
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    passWithNoTests: true,
  },
});
