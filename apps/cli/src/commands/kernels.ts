// attune kernels: what a kernel developer needs.
import type { Command } from "commander";
import { configureCheck, configureList, configureShow } from "./kernelsLook.js";
import { configureTest } from "./kernelsTest.js";

export function configure(command: Command): void {
  command.addHelpText("after", "\nExamples:\n  attune kernels list\n  attune kernels show softmax/rows");
  configureList(
    command
      .command("list")
      .description("print every kernel that plans can name")
      .addHelpText("after", "\nExample:\n  attune kernels list --json"),
  );
  configureShow(command.command("show").description("print the exact text of a kernel, as a plan specialises it"));
  configureCheck(
    command
      .command("check")
      .description("compile every variant without a GPU; code 1 on a fault")
      .addHelpText("after", "\nExample:\n  attune kernels check"),
  );
  configureTest(command.command("test").description("run the property tests of kernels on this adapter"));
}
