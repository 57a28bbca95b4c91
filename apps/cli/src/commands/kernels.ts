// attune kernels: what a kernel developer needs.
import type { Command } from "commander";
import { configureCheck, configureList, configureShow } from "./kernelsLook.js";
import { configureTest } from "./kernelsTest.js";

export function configure(command: Command): void {
  configureList(command.command("list").description("print every kernel that plans can name"));
  configureShow(command.command("show").description("print the exact text of a kernel, as a plan specialises it"));
  configureCheck(command.command("check").description("compile every variant without a GPU; code 1 on a fault"));
  configureTest(command.command("test").description("run the property tests of kernels on this adapter"));
}
