/** A device fails; B suggests a step; it helps, or a second one does, or somebody has to come. */
import { drawShop, drawWhen } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, open } from "../talk.js";

interface Device {
  item: string;
  faults: readonly string[];
  steps: readonly string[];
}

const DEVICES = pool<Device>(
  [
    {
      item: "router",
      faults: ["the light is red", "the signal is weak"],
      steps: ["pull the plug for a minute", "move it to the window", "press the reset button"],
    },
    {
      item: "washing machine",
      faults: ["the door won't open", "the water stays inside"],
      steps: ["clean the filter", "turn off the tap", "start a short program"],
    },
    {
      item: "television",
      faults: ["the screen stays dark", "there is no sound"],
      steps: ["check the cable", "change the batteries", "search for channels again"],
    },
    {
      item: "phone",
      faults: ["the calls drop", "it gets very hot"],
      steps: ["take out the card", "delete the old photos", "install the update"],
    },
    {
      item: "fridge",
      faults: ["it is too warm inside", "it hums all night"],
      steps: ["close the top drawer", "move it from the wall", "remove the ice"],
    },
    {
      item: "bank app",
      faults: ["the code never comes", "the password is wrong"],
      steps: ["ask for a new code", "check the phone number", "sign in on the website"],
    },
    {
      item: "heating",
      faults: ["the radiators stay cold", "it switches off at night"],
      steps: ["let the air out", "raise the pressure", "set the clock"],
    },
    {
      item: "laptop",
      faults: ["it is very slow", "the screen freezes"],
      steps: ["close some programs", "restart it twice", "free some disk space"],
    },
    {
      item: "dishwasher",
      faults: ["the plates stay dirty", "it stops after a minute"],
      steps: ["fill in some salt", "rinse the arms", "use another tablet"],
    },
    {
      item: "doorbell",
      faults: ["it rings by itself", "nobody hears it"],
      steps: ["tighten the screw", "dry the button", "replace the battery"],
    },
    {
      item: "car radio",
      faults: ["it asks for a code", "it only crackles"],
      steps: ["hold the power key", "pull out the antenna", "enter the number on the card"],
    },
    {
      item: "email account",
      faults: ["no messages arrive", "it is locked"],
      steps: ["empty the spam folder", "confirm the address", "choose a longer password"],
    },
  ],
  [
    {
      item: "lawn robot",
      faults: ["it drives in circles", "it ignores the fence"],
      steps: ["wipe the sensor", "lay the wire again", "charge it overnight"],
    },
    {
      item: "scanner",
      faults: ["the pages come out blank", "it squeaks"],
      steps: ["flip the paper", "oil the roller", "unlock the lamp"],
    },
    {
      item: "smoke alarm",
      faults: ["it beeps at midnight", "it blinks"],
      steps: ["vacuum the vents", "twist the cover", "hold the test key"],
    },
    {
      item: "parking app",
      faults: ["the ticket won't show", "it charges double"],
      steps: ["allow the location", "scan the plate", "log out everywhere"],
    },
  ],
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
    const { item, faults, steps } = stage.from(DEVICES);
    const [step1, step2] = stage.rng.shuffled(steps);
    stage.topic = item;
    stage.facts({
      shop: drawShop(stage),
      item,
      fault: stage.rng.pick(faults),
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
