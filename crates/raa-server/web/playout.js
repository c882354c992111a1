// When each frame of the mix is heard: the play-out policy, without audio and without a clock.
//
// Frames come every 20 ms, unevenly, from a server whose clock is not this computer's. The policy
// keeps the lead (how long a frame waits for its turn) so that its smallest value over two seconds
// is about 10 ms: too small a lead breaks off at the next hiccup, too large a one is delay for
// nothing. It says what to do with every frame; the player does it.
// Always: `now` is an argument; positions are whole samples; what is scheduled never overlaps and
// never lies in the past; a stall is forgotten (what it delayed is left out, not played late).

/** Samples per second of the mix. */
export const SAMPLE_RATE = 48000;
/** Samples of a frame: 20 ms. */
export const FRAME = 960;

const ms = (value) => (value * SAMPLE_RATE) / 1000;

/** The smallest lead over WINDOW shall be this. */
const AIM = ms(10);
/** A frame that comes first, or first after a break, waits so much longer than the aim. */
const START_MARGIN = ms(20);
/** An underrun raises the aim by this, up to AIM_MAX; AIM_DECAY a second brings it down again:
    what happens once in some minutes is worth a few milliseconds. */
const AIM_STEP = ms(5);
const AIM_MAX = ms(120);
const AIM_DECAY = ms(0.05);
/** Off by more than this: frames are made a sample shorter or longer (0.1 %, not heard). */
const TOLERANCE = ms(4);
/** A clock whose steps and the frames' 20 ms are multiples of each other, to this precision, beats
    with the frames over minutes: longer than WINDOW sees. Then the aim has room for one step. */
const BEAT_PRECISION = 0.03;
const STEP_MARGIN = TOLERANCE + ms(1);
/** So much too large a lead is cut by a whole frame. */
const CUT = ms(40);
/** So much lead comes only from a burst after a stall, and is not waited for. */
const BURST = ms(200);
/** How far back the smallest lead is looked for, and how much of it must be known to judge. */
const WINDOW = ms(2000);
const WINDOW_KNOWN = ms(1000);
/** Missing frames up to this are concealed; a longer gap is a break. */
const MAX_CONCEALED = 3;

/**
 * What to do with a frame.
 * @typedef {object} Plan
 * @property {'play' | 'cut' | 'drop'} action play it; or leave it out and crossfade from it into
 *   the next one; or forget it without decoding (it came twice or too late).
 * @property {number} conceal frames to conceal first, each FRAME samples, beginning at `at`.
 * @property {number} at position of the first sample to schedule, in samples of the context's time.
 * @property {number} samples length to stretch the frame to: 959, 960 or 961.
 * @property {boolean} fresh nothing sounds before it: fade in.
 */

export class Playout {
  #head = null; // position where the next frame begins
  #sequence = null; // of the newest frame
  #aimMin;
  #aim;
  #leads = []; // { now, lead }, the leads of the frames in the window, both in samples
  #since = 0; // since when leads are known
  #decayedAt = 0;
  #wait = 0;
  #counters = { frames: 0, underruns: 0, concealed: 0, cut: 0, stretched: 0, dropped: 0 };

  /** @param {{clockStepS?: number}} [output] in what steps the audio context's time moves, in seconds */
  constructor({ clockStepS = 0 } = {}) {
    const step = clockStepS * SAMPLE_RATE;
    this.#aimMin = beats(step) ? Math.max(AIM, step + STEP_MARGIN) : AIM;
    this.#aim = this.#aimMin;
  }

  /** Counts since the start: frames, underruns, concealed, cut, stretched, dropped. */
  get counters() {
    return { ...this.#counters };
  }

  /** How long the newest frame that plays waits from its arrival to its turn, in seconds. */
  get waitS() {
    return this.#wait / SAMPLE_RATE;
  }

  /** The next frame comes first: after a reconnect its numbers say nothing. */
  restart() {
    this.#head = null;
    this.#sequence = null;
    this.#leads = [];
  }

  /**
   * Takes note of a frame.
   * @param {number} nowS the audio context's time, in seconds
   * @param {number} sequence the frame's RTP sequence number
   * @returns {Plan}
   */
  frame(nowS, sequence) {
    const now = Math.round(nowS * SAMPLE_RATE);
    const missing = this.#missingBefore(sequence);
    if (missing < 0) {
      this.#counters.dropped += 1;
      return this.#plan('drop', now, 0, false);
    }
    this.#sequence = sequence;
    this.#counters.frames += 1;
    this.#decayAim(now);
    const fresh = this.#head === null || this.#head < now;
    if (fresh) this.#begin(now);
    const lead = this.#head - now;
    if (lead > this.#aim + BURST) {
      this.#counters.cut += 1;
      return this.#plan('cut', this.#head, 0, fresh);
    }
    this.#note(now, lead);
    const off = this.#leadOff(now);
    if (!fresh && off > CUT) {
      this.#shiftLeads(-FRAME);
      this.#counters.cut += 1;
      return this.#plan('cut', this.#head, 0, fresh);
    }
    const conceal = fresh || missing > MAX_CONCEALED ? 0 : missing;
    const samples = FRAME - (Math.abs(off) > TOLERANCE ? Math.sign(off) : 0);
    const plan = this.#plan('play', this.#head, conceal, fresh, samples);
    this.#wait = lead + conceal * FRAME;
    this.#head += conceal * FRAME + samples;
    this.#shiftLeads(samples - FRAME);
    this.#counters.concealed += conceal;
    this.#counters.stretched += samples === FRAME ? 0 : 1;
    return plan;
  }

  /** Frames lost between the newest one and this one; negative for one that came late or twice. */
  #missingBefore(sequence) {
    if (this.#sequence === null) return 0;
    const step = (sequence - this.#sequence) & 0xffff;
    return step === 0 || step >= 0x8000 ? -1 : step - 1;
  }

  #begin(now) {
    if (this.#head !== null) {
      this.#counters.underruns += 1;
      this.#aim = Math.min(AIM_MAX, this.#aim + AIM_STEP);
    }
    this.#head = now + Math.round(this.#aim + START_MARGIN);
    this.#leads = [];
    this.#since = now;
  }

  #decayAim(now) {
    const passed = Math.max(0, now - this.#decayedAt) / SAMPLE_RATE;
    this.#aim = Math.max(this.#aimMin, this.#aim - AIM_DECAY * passed);
    this.#decayedAt = now;
  }

  #note(now, lead) {
    while (this.#leads.length > 0 && this.#leads[0].now < now - WINDOW) this.#leads.shift();
    // Only a lead smaller than all that follow it can ever be the smallest: the rest is not kept.
    while (this.#leads.length > 0 && this.#leads.at(-1).lead >= lead) this.#leads.pop();
    this.#leads.push({ now, lead });
  }

  /** How far the smallest lead is off its aim; 0 while too little is known. */
  #leadOff(now) {
    return now - this.#since < WINDOW_KNOWN ? 0 : this.#leads[0].lead - this.#aim;
  }

  #shiftLeads(samples) {
    for (const entry of this.#leads) entry.lead += samples;
  }

  #plan(action, at, conceal, fresh, samples = FRAME) {
    return { action, at, conceal, fresh, samples };
  }
}

function beats(step) {
  if (step <= 0) return false;
  const ratio = Math.max(step / FRAME, FRAME / step);
  return Math.abs(ratio - Math.round(ratio)) < BEAT_PRECISION * ratio;
}
