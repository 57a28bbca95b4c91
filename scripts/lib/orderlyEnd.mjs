// A vitest setup file. vitest ends its forked processes by SIGTERM, which skips Node's "exit" event, and with it what
// an engine process writes at its end: how many kernels it compiled and ran (ATTUNE_STATS). So SIGTERM becomes an exit.
process.once("SIGTERM", () => process.exit(0));
