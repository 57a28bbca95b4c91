/** What people say in any dialogue: greetings, thanks, refusals. Frames call these so that first turns rarely hold the point. */
import { pool, type Stage } from "./stage.js";

const STAFF_GREETING = pool(
  [
    "[Good morning|Good afternoon|Hello], {shop}. {B} speaking.",
    "{shop} customer service, this is {B}. How can I help?",
    "Thanks for calling {shop}. My name is {B}.",
    "Welcome to {shop}. What can I do for you?",
    "[Hello|Hi], you have reached {shop}. How may I help you?",
  ],
  [
    "{shop}, {B} on the line. What brings you to us?",
    "This is {shop}, you are talking to {B}.",
    "{B} here, from {shop}. Tell me how I can be of use.",
  ],
);

const FRIEND_GREETING = pool(
  [
    "Hi {B}, [do you have a minute|are you busy|can we talk]?",
    "Hey {B}, [I'm glad you're here|long time no see|it's me]!",
    "{B}, I [need your help|have a question|wanted to ask you something].",
    "[Good morning|Hello], {B}. I'd like to ask you something.",
    "There you are, {B}! I was looking for you.",
  ],
  ["{B}! Got a second?", "Oh {B}, just the person I wanted to see.", "Sorry to bother you, {B}."],
);

const FRIEND_REPLY = pool(
  [
    "[Sure|Of course], what's up?",
    "Hi {A}! [How can I help|What's new]?",
    "Yes, go ahead.",
    "Hello {A}. What is it?",
    "[Always|Of course]. What do you need?",
  ],
  ["Fire away, {A}.", "For you, any time.", "I'm listening."],
);

const THANKS = pool(
  [
    "[Thanks|Thank you], {B}!",
    "[Great|Perfect], thank you [so much|very much].",
    "That helps a lot.",
    "Wonderful. [Have a nice day|See you then]!",
    "Thanks, I appreciate it.",
  ],
  ["Much obliged.", "You are a star, {B}.", "Brilliant, cheers!"],
);

const WELCOME = pool(
  [
    "You're welcome.",
    "[No problem|Any time].",
    "[Bye|Goodbye], {A}!",
    "My pleasure. [Take care|Have a good day]!",
    "Don't mention it.",
  ],
  ["Glad to help.", "All part of the job.", "Till soon, {A}."],
);

const DISAPPOINTED = pool(
  [
    "[That's a pity|What a pity|That's too bad]. [Thanks anyway|I understand].",
    "[Okay|All right], I see. Thanks for being honest.",
    "Hmm, I had hoped for something else.",
    "[Oh|Ah] well. Then I will find another way.",
  ],
  ["A shame, but never mind.", "So be it, then.", "I was afraid of that."],
);

const CUSTOMER_GREETING = pool(
  [
    "[Hello|Hi] {B}, [can you help me|do you have a minute]?",
    "[Good morning|Hello], I'm calling because I need some help.",
    "Hello, this is {A}.",
  ],
  ["{A} here, greetings.", "Ah, finally a human voice."],
);
const STAFF_REPLY = pool(
  ["[Of course|Sure], {A}. What is it about?", "[Nice to hear from you|I'll do my best], {A}.", "What can I do for you?"],
  ["{A}, how nice. Please tell me.", "We shall see. Go ahead."],
);

/** Opens the scene: staff answer the phone, friends greet each other; seldom it starts at once. */
export function open(stage: Stage): void {
  if (stage.isFormal) {
    if (stage.rng.chance(0.85)) stage.b(STAFF_GREETING);
    if (stage.rng.chance(0.6)) {
      stage.a(CUSTOMER_GREETING);
      stage.b(STAFF_REPLY);
    }
  } else if (stage.rng.chance(0.85)) {
    stage.a(FRIEND_GREETING);
    stage.b(FRIEND_REPLY);
  }
}

export function closeGlad(stage: Stage): void {
  if (stage.rng.chance(0.6)) {
    stage.a(THANKS);
    if (stage.rng.chance(0.4)) stage.b(WELCOME);
  }
}

export function closeSad(stage: Stage): void {
  if (stage.rng.chance(0.6)) stage.a(DISAPPOINTED);
}
