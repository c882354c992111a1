// The least that a page which plays can do: one short piece of a tone after the other, each begun a little before its turn. What
// breaks its tone is the machine, so it is the control for a player in the same browser.
//
// Always: the tone lies above the sound of the tests and is 40 dB quieter, so it disturbs no comparison; where it breaks is read
// from the recording of both.

import { RATE } from './signal.js';

const TONE_HZ = 10_000;
const AMPLITUDE = 0.01;
/** As long as a frame of the mix, and a whole number of periods of the tone. */
const PIECE_MS = 20;
/** From the moment when a piece is scheduled to its turn, at first and after a break: as the player of the page. */
const LEAD_MS = 30;
/** A window of 5 ms in which the tone has less of its usual amplitude belongs to a break. */
const WINDOW = RATE / 200;
const BROKEN = 0.6;

/** Opens a page that plays the tone until the browser is closed. */
export async function playBareTone(browser) {
  const page = await (await browser.newContext()).newPage();
  await page.mouse.click(10, 10); // only a person lets a page sound
  await page.evaluate(({ rate, hz, amplitude, pieceMs, leadMs }) => {
    const context = new AudioContext({ sampleRate: rate, latencyHint: 'interactive' });
    const piece = context.createBuffer(1, (rate * pieceMs) / 1000, rate);
    piece.getChannelData(0).forEach((_, i, samples) => (samples[i] = amplitude * Math.sin((2 * Math.PI * hz * i) / rate)));
    let turn = 0;
    const play = () => {
      if (turn < context.currentTime) turn = context.currentTime + leadMs / 1000;
      const source = new AudioBufferSourceNode(context, { buffer: piece });
      source.connect(context.destination);
      source.start(turn);
      turn += pieceMs / 1000;
    };
    // A worker's timer is exact, and so is the network from which the mix comes.
    const timer = `let due = performance.now(); const tick = () => { postMessage(0); due += ${pieceMs}; setTimeout(tick, due - performance.now()); }; tick();`;
    const worker = new Worker(URL.createObjectURL(new Blob([timer])));
    worker.addEventListener('message', play);
    return context.resume();
  }, { rate: RATE, hz: TONE_HZ, amplitude: AMPLITUDE, pieceMs: PIECE_MS, leadMs: LEAD_MS });
}

/** Returns how often the tone breaks in a recording. */
export function breaksOf(recording) {
  const amplitudes = [];
  for (let from = 0; from + WINDOW <= recording.length; from += WINDOW) amplitudes.push(amplitudeOf(recording.subarray(from, from + WINDOW)));
  const usual = amplitudes.toSorted((a, b) => a - b)[amplitudes.length >> 1];
  if (!(usual > AMPLITUDE / 4)) throw new Error(`the bare tone is not in the recording: its amplitude is ${usual}`);
  const isBroken = amplitudes.map((amplitude) => amplitude < BROKEN * usual);
  return isBroken.filter((broken, i) => broken && !isBroken[i - 1]).length;
}

function amplitudeOf(window) {
  let [re, im] = [0, 0];
  for (let i = 0; i < window.length; i++) {
    const angle = (2 * Math.PI * TONE_HZ * i) / RATE;
    re += window[i] * Math.cos(angle);
    im += window[i] * Math.sin(angle);
  }
  return (2 * Math.hypot(re, im)) / window.length;
}
