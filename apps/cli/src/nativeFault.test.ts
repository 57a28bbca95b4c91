import { expect, test } from "vitest";
import { failureOf } from "./errors.js";
import { explainNativeFault, type Host, hostOf } from "./nativeFault.js";

const debian: Host = { platform: "linux", arch: "x64", glibc: "2.36" };
const load = (message: string) => ({ code: "ERR_DLOPEN_FAILED", message });

test.each([
  [
    "the package is missing",
    { code: "ERR_MODULE_NOT_FOUND", message: "Cannot find package 'webgpu' imported from /x/node.js" },
    debian,
    /not installed; install it again: npm install webgpu/,
  ],
  [
    "its binary is missing",
    { code: "MODULE_NOT_FOUND", message: "Cannot find module '/x/webgpu/dist/linux-x64/dawn.node'" },
    debian,
    /is not installed/,
  ],
  [
    "a system without one",
    { code: "MODULE_NOT_FOUND", message: "Cannot find module '/x/webgpu/dist/linux-riscv64/dawn.node'" },
    { ...debian, arch: "riscv64" },
    /no Dawn .* for linux on riscv64; it is built for linux \(x64, arm64\), darwin/,
  ],
  [
    "musl",
    load("Error loading shared library ld-linux-x86-64.so.2: No such file or directory"),
    { ...debian, glibc: null },
    /needs glibc, .*musl, as Alpine/,
  ],
  [
    "an old glibc",
    load("/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by dawn.node)"),
    { ...debian, glibc: "2.31" },
    /needs glibc 2\.34 or newer, and this system has 2\.31; Debian 12, Ubuntu 22\.04/,
  ],
  [
    "an old libstdc++",
    load("libstdc++.so.6: version `GLIBCXX_3.4.32' not found"),
    debian,
    /newer libstdc\+\+ \(GLIBCXX_3\.4\.32\)/,
  ],
  [
    "a missing library",
    load("libX11-xcb.so.1: cannot open shared object file: No such file or directory"),
    debian,
    /needs the library libX11-xcb\.so\.1/,
  ],
])("%s", (_, error, host, line) => {
  expect(explainNativeFault(error, () => host)).toMatch(line);
});

test("other errors are not explained, and those of Dawn end with the device's code", () => {
  expect(explainNativeFault({ code: "ERR_MODULE_NOT_FOUND", message: "Cannot find package 'zod'" })).toBeUndefined();
  expect(explainNativeFault(new Error("dawn.node"))).toBeUndefined();
  const thrown = Object.assign(new Error("Cannot find package 'webgpu' imported from x"), { code: "ERR_MODULE_NOT_FOUND" });
  expect(failureOf(thrown)).toEqual({ code: 4, text: expect.stringMatching(/^error: the WebGPU binary/) });
});

test.runIf(process.platform === "linux")("this machine's C library is found", () => {
  expect(hostOf().glibc ?? "musl").toMatch(/^(\d+\.\d+|musl)$/);
});
