// The playout policy: when each frame of the mix is played, without audio and without a clock.
//
// Frames arrive every 20 ms, unevenly, from a server whose clock is not this computer's. The policy
// holds the lead (the time that a frame waits for its turn) so that its smallest value over two seconds
// is about 10 ms: a smaller lead breaks off at the next hiccup, a larger one is useless delay. It decides
// what to do with each frame, and the player does it.
// Always: `now` is an argument; positions are whole samples; scheduled frames never overlap and never
// lie in the past; a stall leaves no delay behind (delayed frames are left out, not played late).

/** Samples per second of the mix. */
export const SAMPLE_RATE = 48000;
/** Samples of a frame: 20 ms. */
export const FRAME = 960;

/** @param {number} value */
const ms = (value) => (value * SAMPLE_RATE) / 1000;

/** Target of the smallest lead over WINDOW. */
const AIM = ms(10);
/** Additional lead of the first frame, and of the first one after a break. */
const START_MARGIN = ms(20);
/** Increase of the aim after an underrun: one underrun in some minutes is worth a few milliseconds. */
const AIM_STEP = ms(5);
/** The largest aim. */
const AIM_MAX = ms(120);
/** Decrease of the aim per second. */
const AIM_DECAY = ms(0.05);
/** Deviation from which on frames are made a sample shorter or longer (0.1 %, inaudible). */
const TOLERANCE = ms(4);
/** If the steps of the output's clock and the 20 ms of a frame are multiples of each other, to this precision, they beat
    over minutes, longer than WINDOW. The aim then has room for one step. */
const BEAT_PRECISION = 0.03;
/** Room for the tolerance, in addition to one step of the clock. */
const STEP_MARGIN = TOLERANCE + ms(1);
/** Deviation from which on a whole frame is cut. */
const CUT = ms(40);
/** A lead this large comes only from a burst after a stall, and is cut at once. */
const BURST = ms(200);
/** The time over which the smallest lead is taken. */
const WINDOW = ms(2000);
/** The part of WINDOW that must be known before the lead is corrected. */
const WINDOW_KNOWN = ms(1000);
/** Maximum number of missing frames that are concealed; a longer gap is a break. */
const MAX_CONCEALED = 3;

/**
 * What to do with a frame.
 * @typedef {object} Plan
 * @property {'play' | 'cut' | 'drop'} action play it; or leave it out and crossfade from it into
 *   the next one; or discard it without decoding (it is a duplicate or too late).
 * @property {number} conceal frames to conceal first, each FRAME samples, beginning at `at`.
 * @property {number} at position of the first sample to schedule, in samples of the context's time.
 * @property {number} samples length to stretch the frame to: 959, 960 or 961.
 * @property {boolean} fresh nothing plays right before it, so it must fade in.
 */

export class Playout {
  /** @type {number | null} position where the next frame begins */
  #head = null;
  /** @type {number | null} of the newest frame */
  #sequence = null;
  #aimMin;
  #aim;
  /** @type {{now: number, lead: number}[]} the leads of the frames in the window, both in samples */
  #leads = [];
  #since = 0; // start of the time for which leads are known
  #decayedAt = 0;
  #wait = 0;
  #counters = { frames: 0, underruns: 0, concealed: 0, cut: 0, stretched: 0, dropped: 0, skips: 0 };

  /** @param {{clockStepS?: number}} [output] steps in which the audio context's time moves, in seconds */
  constructor({ clockStepS = 0 } = {}) {
    const step = clockStepS * SAMPLE_RATE;
    this.#aimMin = beats(step) ? Math.max(AIM, step + STEP_MARGIN) : AIM;
    this.#aim = this.#aimMin;
  }

  /** Counters since the start: frames, underruns, concealed, cut, stretched, dropped, skips. */
  get counters() {
    return { ...this.#counters };
  }

  /** Time from the arrival of the newest frame to its turn, in seconds. */
  get waitS() {
    return this.#wait / SAMPLE_RATE;
  }

  /** Treats the next frame as the first: after a reconnect, sequence numbers begin elsewhere. */
  restart() {
    this.#head = null;
    this.#sequence = null;
    this.#leads = [];
  }

  /**
   * Decides about a frame that has just arrived.
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
    const head = this.#head === null || fresh ? this.#begin(now) : this.#head;
    const lead = head - now;
    if (lead > this.#aim + BURST) {
      this.#counters.cut += 1;
      return this.#plan('cut', head, 0, fresh);
    }
    this.#note(now, lead);
    const off = this.#leadOff(now);
    if (!fresh && off > CUT) {
      this.#shiftLeads(-FRAME);
      this.#counters.cut += 1;
      return this.#plan('cut', head, 0, fresh);
    }
    const conceal = fresh || missing > MAX_CONCEALED ? 0 : missing;
    if (!fresh && missing > MAX_CONCEALED) this.#counters.skips += 1;
    const samples = FRAME - (Math.abs(off) > TOLERANCE ? Math.sign(off) : 0);
    const plan = this.#plan('play', head, conceal, fresh, samples);
    this.#wait = lead + conceal * FRAME;
    this.#head = head + conceal * FRAME + samples;
    this.#shiftLeads(samples - FRAME);
    this.#counters.concealed += conceal;
    this.#counters.stretched += samples === FRAME ? 0 : 1;
    return plan;
  }

  /** Returns the number of frames lost before this one; negative for a late or duplicate frame. @param {number} sequence */
  #missingBefore(sequence) {
    if (this.#sequence === null) return 0;
    const step = (sequence - this.#sequence) & 0xffff;
    return step === 0 || step >= 0x8000 ? -1 : step - 1;
  }

  /** Returns the position of the first frame. @param {number} now */
  #begin(now) {
    if (this.#head !== null) {
      this.#counters.underruns += 1;
      this.#aim = Math.min(AIM_MAX, this.#aim + AIM_STEP);
    }
    const head = now + Math.round(this.#aim + START_MARGIN);
    this.#head = head;
    this.#leads = [];
    this.#since = now;
    return head;
  }

  /** @param {number} now */
  #decayAim(now) {
    const passed = Math.max(0, now - this.#decayedAt) / SAMPLE_RATE;
    this.#aim = Math.max(this.#aimMin, this.#aim - AIM_DECAY * passed);
    this.#decayedAt = now;
  }

  /** @param {number} now @param {number} lead */
  #note(now, lead) {
    while (this.#leads.length > 0 && this.#leads[0].now < now - WINDOW) this.#leads.shift();
    // Only a lead that is smaller than all later ones can become the smallest; others are not kept.
    while (this.#leads.length > 0 && (this.#leads.at(-1)?.lead ?? -Infinity) >= lead) this.#leads.pop();
    this.#leads.push({ now, lead });
  }

  /** Returns the deviation of the smallest lead from the aim; 0 while too little is known. @param {number} now */
  #leadOff(now) {
    return now - this.#since < WINDOW_KNOWN ? 0 : this.#leads[0].lead - this.#aim;
  }

  /** @param {number} samples */
  #shiftLeads(samples) {
    for (const entry of this.#leads) entry.lead += samples;
  }

  /** @param {Plan['action']} action @param {number} at @param {number} conceal @param {boolean} fresh @returns {Plan} */
  #plan(action, at, conceal, fresh, samples = FRAME) {
    return { action, at, conceal, fresh, samples };
  }
}

/** @param {number} step */
function beats(step) {
  if (step <= 0) return false;
  const ratio = Math.max(step / FRAME, FRAME / step);
  return Math.abs(ratio - Math.round(ratio)) < BEAT_PRECISION * ratio;
}
