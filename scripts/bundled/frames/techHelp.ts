/** A device fails; B suggests a step; it helps, or a second one does, or somebody has to come. */
import { drawFault, drawPhrase, drawThing } from "../compose.js";
import { drawDistinct, drawShop, drawWhen } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, open } from "../talk.js";

const PLACES = words(
  "to the window, to the wall, to the kitchen, upstairs, to a dry place, under a lamp, to the left, next to the {noun}, away from the {noun}",
);
const STEPS = pool(
  words(`clean the {part}, press the {part} for {number} seconds, pull out the {part}, wait {number} minutes, read page {number} of the manual, move it {where}, turn the {part} {number} times, call {someone},
    replace the {part}, hit the {part} softly, put it {where}, dry the {part}, tighten the {part}, order a new {part}, ask {someone}, unplug it for {number} hours, open the {part}, check the {part}`),
  words(
    "wipe the {part}, hold the {part} for {number} minutes, oil the {part}, show it to {someone}, shake it {number} times, carry it {where}",
  ),
);
const ASK = pool(
  [
    "I have a problem with my {item}: {fault}.",
    "My {item} doesn't work properly. {fault}.",
    "Something is wrong with the {item}, {fault}.",
    "Can you help me with my {item}? {fault}.",
  ],
  ["The {item} drives me mad, {fault}.", "There is trouble with my {item}. {fault}, and I am lost."],
);
const FIRST = pool(
  ["[Please|Could you] {step1}.", "Did you try to {step1}?", "First, {step1}. [Does that help|Any better]?"],
  ["I suggest that you {step1}.", "What if you {step1}?"],
);
const WORKS = pool(
  ["[Yes|Great], now it works!", "[Oh|Look], that did it!", "It's fine again."],
  ["Hooray, it is back to normal!", "Well, would you believe it, that cured it."],
);
const FAILS = pool(
  ["[No|Hmm], [still the same|nothing changed].", "I did that already. It didn't help.", "That makes no difference."],
  ["Not a bit of use, sadly.", "It is as bad as before."],
);
const SECOND = pool(
  ["Then {step2}.", "Okay, now {step2}, please.", "Could you {step2}?"],
  ["In that case, {step2}.", "Let us see what happens if you {step2}."],
);
const VISIT = pool(
  ["Then I'll send a technician on {when}.", "A technician has to see it. He can come on {when}."],
  ["I will have somebody look at it on {when}."],
);
const VISITOK = pool(["[Good|Okay], I'll be at home.", "{when} is fine."], ["I shall be there on {when}."]);

export const techHelp: Frame = {
  name: "technical help",
  isFormal: true,
  write(stage) {
    const { name: item, noun, category } = drawThing(stage, ["device"]);
    const [step1, step2] = drawDistinct(2, () => {
      const step = stage.from(STEPS).replace("{part}", stage.rng.pick(category.parts)).replace("{where}", stage.rng.pick(PLACES));
      return drawPhrase(stage, pool([step], [step]));
    });
    stage.topic = noun;
    stage.facts({
      shop: drawShop(stage),
      item,
      fault: drawFault(stage, category),
      step1: step1!,
      step2: step2!,
      when: drawWhen(stage.rng),
    });
    open(stage);
    stage.a(ASK);
    stage.b(FIRST);
    const head = "{A} has a problem with the {item} because {fault}.";
    const outcome = stage.rng.below(3);
    if (outcome === 0) {
      stage.a(WORKS);
      closeGlad(stage);
      return [`${head} {B} tells {A} to {step1}, and it works again.`, `${head} It works again after {B} tells {A} to {step1}.`];
    }
    stage.a(FAILS);
    stage.b(SECOND);
    if (outcome === 1) {
      stage.a(WORKS);
      closeGlad(stage);
      return [`${head} {B} tells {A} to {step1} and then to {step2}, which helps.`];
    }
    stage.a(FAILS);
    stage.b(VISIT);
    stage.a(VISITOK);
    return [`${head} {B} tells {A} to {step1} and to {step2}, but a technician must come on {when}.`];
  },
};
