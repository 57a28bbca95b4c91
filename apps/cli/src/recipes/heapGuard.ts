// Rows are held in memory while a run is prepared. Where they do not fit, V8 ends the process in the middle of a sentence: it is said before.
import { getHeapStatistics } from "node:v8";
import { dataError } from "@attune/models";
import { formatBytes } from "../terminal.js";

/** Of V8's limit: what is left is for what is made of the rows. */
const MOST = 0.9;
/** What V8's limit counts for objects that are just made; those that stay cannot have it. */
const YOUNG_BYTES = 48 * 2 ** 20;
/** Rows between two looks. */
const EVERY = 128;

/** Counts rows of `what`. Throws (data) where the heap is nearly full. */
export function heapGuard(
  what: string,
  statistics: () => { used_heap_size: number; heap_size_limit: number } = getHeapStatistics,
) {
  let rows = 0;
  return (): void => {
    if (++rows % EVERY !== 0) return;
    const { used_heap_size: used, heap_size_limit } = statistics();
    const limit = heap_size_limit - YOUNG_BYTES;
    if (used <= MOST * limit) return;
    const megabytes = 2 ** Math.ceil(Math.log2(limit / 2 ** 20) + 1);
    throw dataError(
      `${what}: ${rows} rows fill ${formatBytes(used)} of the ${formatBytes(limit)} that Node may use; allow more (NODE_OPTIONS=--max-old-space-size=${megabytes}), or take fewer rows (data.limit)`,
    );
  };
}
