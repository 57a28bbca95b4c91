// attune kernels: what a kernel developer needs.
import type { Command } from "commander";
import { configureTest } from "./kernelsTest.js";

export function configure(command: Command): void {
  configureTest(command.command("test").description("run the property tests of kernels on this adapter"));
}
