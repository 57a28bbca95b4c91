// A profile as a trace for chrome://tracing and Perfetto: a row for the device and one for the host.
// Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
import type { Profile } from "./profile.js";
import { describeCall } from "./timer.js";

interface TraceEvent {
  name: string;
  ph: "X" | "M";
  pid: number;
  tid: number;
  /** Microseconds. */
  ts?: number;
  dur?: number;
  args?: Record<string, unknown>;
}

const HOST = 1;
const DEVICE = 2;

/** The two clocks have no common zero: the last call is taken to end where the host's last wait does. */
export function traceOf({ label, adapter, times, host, timing }: Profile): { traceEvents: TraceEvent[]; displayTimeUnit: "ms" } {
  const hostZero = host[0]?.start ?? 0;
  const hostEnd = Math.max(0, ...host.map(({ start, ms }) => start - hostZero + ms));
  const deviceEnd = Math.max(0, ...times.map(({ start, ms }) => start + ms));
  const shift = hostEnd - deviceEnd;
  const named = (tid: number, name: string): TraceEvent => ({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } });
  return {
    displayTimeUnit: "ms",
    traceEvents: [
      { name: "process_name", ph: "M", pid: 1, tid: 0, args: { name: `attune: ${label} on ${adapter} (${timing})` } },
      named(HOST, "host"),
      named(DEVICE, "device"),
      ...host.map(
        ({ name, start, ms }): TraceEvent => ({
          name,
          ph: "X",
          pid: 1,
          tid: HOST,
          ts: 1000 * (start - hostZero),
          dur: 1000 * ms,
        }),
      ),
      ...times.map(
        ({ call, start, ms }): TraceEvent => ({
          name: call.kernel.name,
          ph: "X",
          pid: 1,
          tid: DEVICE,
          ts: 1000 * (start + shift),
          dur: 1000 * ms,
          args: {
            sizes: describeCall(call),
            reason: call.reason,
            workgroups: call.workgroups.join(" x "),
            GFLOPs: ms > 0 ? call.flops / ms / 1e6 : 0,
            GBs: ms > 0 ? call.bytes / ms / 1e6 : 0,
          },
        }),
      ),
    ],
  };
}
