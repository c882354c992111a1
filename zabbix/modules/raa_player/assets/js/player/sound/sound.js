// The audio half of the player: decodes frames and schedules them by the playout policy.
//
// The output starts with silence before the connection is made: a browser needs up to a second for it,
// and frames that arrive in that time would remain as a permanent delay.
// Always: works on plain http (no AudioWorklet, no WebCodecs); playing depends on no timer, so a page in
// the background continues to play.

import { FRAME, Playout, SAMPLE_RATE } from './playout.js';

const DECODER = new URL('../vendor/opus-decoder/opus-decoder.min.js', import.meta.url).href;
/** The output is running once its clock has reached this time, in seconds. */
const STARTED_S = 0.2;
/** A sound card whose clock stops for this long is lost. */
const CLOCK_DEAD_AFTER_MS = 3000;
/** Share of the level's power that remains after one frame. */
const LEVEL_MEMORY = 0.8;
/** Steps of the output's clock if the browser does not report them: those of Windows. */
const USUAL_STEP_S = 0.01;
/** Approximate time from Firefox's clock to the loudspeaker, in seconds; see outputLatencyOf. */
const FIREFOX_LATENCY_S = 0.03;
/** Length of a fade in samples: 5 ms, too short to be heard and long enough to avoid a click. */
const FADE = 240;
/**
 * Silence is a constant of this amplitude, which no loudspeaker plays. Chromium counts a page as audible from 1/4096 of
 * full scale on (-72.2 dBFS), and in the background it freezes or discards pages that are not.
 */
const AUDIBLE_CONSTANT = 1 / 3000;
/** TOC byte of a mono full-band frame of 20 ms without data: the decoder conceals one frame. */
const CONCEAL = new Uint8Array([31 << 3]);

/**
 * What the page uses of the decoder's object.
 * @typedef {{ready: Promise<void>, free(): void, decodeFrame(payload: Uint8Array): {channelData: Float32Array<ArrayBuffer>[], samplesDecoded: number}}} Decoder
 */

/** @type {Promise<new (options: object) => Decoder> | null} */
let decoderModule = null;

/** An empty WebAssembly module. */
const NOTHING = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** @returns {Promise<Decoder>} */
async function newDecoder() {
  // The decoder itself would wait for ever on a page that may not run WebAssembly.
  await WebAssembly.compile(NOTHING);
  decoderModule ??= import(DECODER).then(() => /** @type {any} */ (globalThis)['opus-decoder'].OpusDecoder);
  try {
    const OpusDecoder = await decoderModule;
    const decoder = new OpusDecoder({ sampleRate: SAMPLE_RATE, channels: 1, streamCount: 1,
      coupledStreamCount: 0, channelMappingTable: [0] });
    await decoder.ready;
    return decoder;
  } catch (error) {
    decoderModule = null; // the next attempt loads it again
    throw error;
  }
}

/**
 * Returns the time from a context's clock to the loudspeaker, in seconds. Firefox is not asked. There the answer waits
 * for the sound server, which may wait for the page's audio callback, which in turn waits for the caller's lock; with
 * PulseAudio the page sometimes froze when the sound began.
 * @param {AudioContext} context
 */
function outputLatencyOf(context) {
  if (/\bFirefox\//.test(navigator.userAgent)) return FIREFOX_LATENCY_S;
  return context.outputLatency || context.baseLatency || 0;
}

/** The sound card does not play. */
class OutputError extends Error {
  /** @override */
  name = 'OutputError';
}

export class Sound {
  #context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
  #gain = this.#context.createGain();
  #playout = new Playout({ clockStepS: this.#context.baseLatency || USUAL_STEP_S });
  /** @type {Decoder | null} */
  #decoder = null;
  /** @type {Float32Array | null} decoded but left out; the next frame is crossfaded from it */
  #cutFrame = null;
  /** @type {Set<AudioBufferSourceNode>} the scheduled ones */
  #playing = new Set();
  #clock = { time: 0, movedAt: performance.now() };
  #power = 0;
  #peak = 0;

  /** @param {number} volume 0 to 1 @param {() => void} onstate called when the context was suspended or resumed */
  constructor(volume, onstate) {
    this.#gain.gain.value = volume;
    this.#gain.connect(this.#context.destination);
    const silence = this.#context.createConstantSource();
    silence.offset.value = AUDIBLE_CONSTANT;
    silence.connect(this.#context.destination);
    silence.start();
    this.#context.onstatechange = onstate;
  }

  /** Whether the browser plays sound now; it may refuse to before the first click on a page. */
  get isAllowed() {
    return this.#context.state === 'running';
  }

  /** Whether the output's clock has stopped: the sound card is lost, or the browser waits for a click. */
  get isDead() {
    this.#noteClock();
    return performance.now() - this.#clock.movedAt > CLOCK_DEAD_AFTER_MS;
  }

  /** Asks the browser to play; inside a click or key handler it agrees. */
  resume() {
    // A refusal shows in the context's state.
    this.#context.resume().catch(() => {});
  }

  /**
   * Resolves when decoder and output are running; rejects if the decoder can't be loaded (a CompileError if it may not
   * run), or with an OutputError if the output does not start although the browser allows sound.
   * @param {boolean} isPermitted the browser needs no click, even if it does not say so yet
   */
  async ready(isPermitted) {
    this.#decoder ??= await newDecoder();
    let allowedAt = null;
    while (this.#context.state !== 'closed' && this.#context.currentTime < STARTED_S) {
      // Before the first click this may take days.
      await new Promise((done) => setTimeout(done, this.isAllowed ? 20 : 250));
      if (isPermitted || this.isAllowed) allowedAt ??= performance.now();
      if (allowedAt !== null && this.isDead && performance.now() - allowedAt > CLOCK_DEAD_AFTER_MS) throw new OutputError();
    }
  }

  /** @param {number} volume */
  set volume(volume) {
    this.#gain.gain.setTargetAtTime(volume, this.#context.currentTime, 0.02);
  }

  /** Time from a frame's arrival to the loudspeaker, in ms, as far as the browser knows it. */
  get delayMs() {
    return 1000 * (this.#playout.waitS + outputLatencyOf(this.#context));
  }

  get counters() {
    return this.#playout.counters;
  }

  /** Level of the scheduled audio before the volume, in dBFS. */
  get level() {
    const dbfs = (/** @type {number} */ value) => Math.max(-120, 20 * Math.log10(value));
    return { rmsDbfs: dbfs(Math.sqrt(this.#power)), peakDbfs: dbfs(this.#peak) };
  }

  /** Prepares for the first frame of a new connection. */
  restart() {
    this.#playout.restart();
    this.#cutFrame = null;
  }

  /** Plays one frame. @param {{sequence: number, payload: Uint8Array}} packet */
  play({ sequence, payload }) {
    const plan = this.#playout.frame(this.#context.currentTime, sequence);
    if (plan.action === 'drop') return;
    let at = plan.at;
    for (let n = 0; n < plan.conceal; n += 1, at += FRAME) this.#schedule(this.#decode(CONCEAL), at);
    const pcm = this.#decode(payload);
    if (plan.action === 'cut') {
      this.#cutFrame ??= pcm;
      return;
    }
    const stretched = stretch(pcm, plan.samples);
    if (this.#cutFrame) crossfade(this.#cutFrame, stretched);
    else if (plan.fresh) fadeIn(stretched);
    this.#cutFrame = null;
    this.#measure(stretched);
    this.#schedule(stretched, at);
  }

  /** Fades out and releases everything. */
  async close() {
    this.#gain.gain.setTargetAtTime(0, this.#context.currentTime, 0.01);
    await new Promise((done) => setTimeout(done, 60));
    for (const node of this.#playing) node.stop();
    this.#decoder?.free();
    this.#decoder = null;
    if (this.#context.state !== 'closed') await this.#context.close();
  }

  #noteClock() {
    const time = this.#context.currentTime;
    if (time !== this.#clock.time) this.#clock = { time, movedAt: performance.now() };
  }

  /** @param {Float32Array} pcm */
  #measure(pcm) {
    let power = 0;
    let peak = 0;
    for (const sample of pcm) {
      power += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    this.#power += (power / pcm.length - this.#power) * (1 - LEVEL_MEMORY);
    this.#peak = Math.max(peak, this.#peak * LEVEL_MEMORY);
  }

  /** @param {Uint8Array} payload */
  #decode(payload) {
    const { channelData: [pcm] = [], samplesDecoded } = this.#decoder?.decodeFrame(payload) ?? { samplesDecoded: 0 };
    // A frame that the decoder refuses is replaced by silence, which keeps the timing.
    return pcm && samplesDecoded === FRAME ? pcm : new Float32Array(FRAME);
  }

  /** @param {Float32Array<ArrayBuffer>} pcm @param {number} at */
  #schedule(pcm, at) {
    const buffer = this.#context.createBuffer(1, pcm.length, SAMPLE_RATE);
    buffer.copyToChannel(pcm, 0);
    const node = this.#context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.#gain);
    node.onended = () => this.#playing.delete(node);
    this.#playing.add(node);
    node.start(at / SAMPLE_RATE);
  }
}

/**
 * Resamples a frame to one sample more or less; for 0.1 % linear interpolation is good enough.
 * @param {Float32Array<ArrayBuffer>} pcm @param {number} samples
 */
function stretch(pcm, samples) {
  if (samples === pcm.length) return pcm.slice();
  const out = new Float32Array(samples);
  const step = (pcm.length - 1) / (samples - 1);
  for (let i = 0; i < samples; i += 1) {
    const at = Math.min(Math.floor(i * step), pcm.length - 2);
    const share = i * step - at;
    out[i] = pcm[at] * (1 - share) + pcm[at + 1] * share;
  }
  return out;
}

/** @param {Float32Array} old @param {Float32Array} pcm */
function crossfade(old, pcm) {
  for (let i = 0; i < FADE; i += 1) pcm[i] = (old[i] * (FADE - i) + pcm[i] * i) / FADE;
}

/** @param {Float32Array} pcm */
function fadeIn(pcm) {
  for (let i = 0; i < FADE; i += 1) pcm[i] *= i / FADE;
}
