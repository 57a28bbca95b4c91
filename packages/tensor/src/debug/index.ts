// @attune/tensor/debug: what a program costs on a device, call by call. Browser-clean.
export { NonFiniteError } from "./check.js";
export { type CompileFault, type CompileLimits, compileFaults, faultText } from "./compile.js";
export { attachDebug, DEBUG_LEVELS, type DebugLevel, debugLevel } from "./levels.js";
export { measurePeaks, type Peaks } from "./peaks.js";
export { GROUPS, type Group, groupOf, type Profile, type ProfileRow, profile, summarize } from "./profile.js";
export { profileText, textTable } from "./report.js";
export { type CallTime, type CallTimer, callTimer, describeCall } from "./timer.js";
export { traceOf } from "./trace.js";
export { type TuneOptions, tuneDevice } from "./tune.js";
