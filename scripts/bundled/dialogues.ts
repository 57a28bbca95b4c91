/** The list of frames, and how many dialogues of each become a split. */
import { booking } from "./frames/booking.js";
import { borrow } from "./frames/borrow.js";
import { cancel } from "./frames/cancel.js";
import { complaint } from "./frames/complaint.js";
import { delivery } from "./frames/delivery.js";
import { favour } from "./frames/favour.js";
import { invite } from "./frames/invite.js";
import { reschedule } from "./frames/reschedule.js";
import type { Split } from "./people.js";
import { makeRng } from "./prng.js";
import { type Dialogue, type Frame, Stage } from "./stage.js";

export const FRAMES: readonly Frame[] = [
  reschedule,
  complaint,
  delivery,
  invite,
  borrow,
  favour,
  booking,
  cancel,
];

/** Frames take turns, so that every one has the same share; no dialogue occurs twice. */
export function makeDialogues(split: Split, count: number, seed: number): Dialogue[] {
  const rng = makeRng(seed);
  const out: Dialogue[] = [];
  const known = new Set<string>();
  while (out.length < count) {
    const frame = FRAMES[out.length % FRAMES.length]!;
    const stage = new Stage(rng, split, frame.isFormal);
    const made = stage.finish(frame.write(stage));
    if (known.has(made.dialogue)) continue;
    known.add(made.dialogue);
    out.push(made);
  }
  return rng.shuffled(out);
}
