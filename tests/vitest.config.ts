import { mergeConfig } from "vitest/config";
import shared from "../vitest.shared.js";

// the longest of all workspaces: two files at a time, each with folders and a device of its own
export default mergeConfig(shared, { test: { maxWorkers: 2 } });
