// The duration of a page's frames, from Chromium's own trace.
//
// A frame is the browser's animation frame: from the first task that requires a new picture until the picture is laid out
// and passed to the compositor. The Long Animation Frames specification calls it long from 50 ms on. A busy machine lengthens
// durations; the CPU time of the main thread during a frame, from the same trace, is the page's own share. A host that takes the
// CPU away counts as CPU time, too, so a limit is for the least of several times that the same step was made.
// Always: only the traced page's main thread counts.

/** Duration from which on a frame is long (Long Animation Frames specification). */
export const LONG_FRAME_MS = 50;

const CATEGORIES = ['devtools.timeline', 'toplevel', 'blink.user_timing'];
/** Begins the name of the mark of a step. */
const STEP = 'step ';
const US_PER_MS = 1000;

/** Traces a page (Playwright's, in Chromium) while `doing` runs, and returns a summary of its frames. */
export async function traceFrames(page, doing) {
  return summary(await trace(page, doing));
}

/**
 * Traces steps, each of which ends when the page has drawn what it caused. Returns for each { name, ms, styled, laidOut }: the CPU
 * time of its costliest frame, and how many elements it styled and boxes it laid out.
 */
export async function traceSteps(page, steps) {
  const mark = (name) => page.evaluate((words) => { performance.mark(words); }, `${STEP}${name}`);
  const events = await trace(page, async () => {
    for (const [name, act] of Object.entries(steps)) {
      await mark(name);
      await act();
    }
    await mark('end');
  });
  return stepsOf(events);
}

async function trace(page, doing) {
  const devtools = await page.context().newCDPSession(page);
  const events = [];
  devtools.on('Tracing.dataCollected', ({ value }) => { events.push(...value); });
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: CATEGORIES } });
  try {
    await doing();
  } finally {
    const complete = new Promise((resolve) => { devtools.once('Tracing.tracingComplete', resolve); });
    await devtools.send('Tracing.end');
    await complete;
    await devtools.detach();
  }
  return events;
}

/**
 * Of a trace's events: for each step what its costliest frame cost. That is the task that draws it, with the costliest of the
 * other tasks: the one that took the key or the message before it.
 */
export function stepsOf(events) {
  const marks = events.filter(({ name, cat }) => cat?.includes('blink.user_timing') && name.startsWith(STEP)).sort((a, b) => a.ts - b.ts);
  if (marks.length < 2) throw new Error('the trace has no step');
  const { pid, tid } = marks[0];
  const mine = events.filter((event) => event.pid === pid && event.tid === tid && event.ph === 'X');
  const tasks = mine.filter(({ name }) => name === TASK);
  return marks.slice(0, -1).map(({ name, ts }, i) => {
    const within = (from, to) => (event) => event.ts >= from && event.ts < to;
    const inStep = mine.filter(within(ts, marks[i + 1].ts));
    const drawn = inStep.filter((event) => event.name === 'Layerize');
    const step = tasks.filter(within(ts, marks[i + 1].ts));
    const [drawing, others] = [true, false].map((isDrawing) => step.filter((task) => isDrawing === drawn.some(within(task.ts, task.ts + task.dur))));
    if (drawing.length === 0) throw new Error(`nothing was drawn in ${name}`);
    const counted = (task, event, countOf) => inStep.filter(within(task.ts, task.ts + task.dur)).filter((one) => one.name === event).reduce((sum, { args }) => sum + countOf(args), 0);
    return {
      name: name.slice(STEP.length),
      ms: tenths(most(drawing, cpuOf) + most(others, cpuOf)),
      styled: most(drawing, (task) => counted(task, 'UpdateLayoutTree', ({ elementCount }) => elementCount)),
      laidOut: most(drawing, (task) => counted(task, 'Layout', ({ beginData }) => beginData.dirtyObjects)),
    };
  });
}

const TASK = 'ThreadControllerImpl::RunTask';
const cpuOf = ({ tdur, dur }) => (tdur ?? dur) / US_PER_MS;
const most = (list, of) => Math.max(0, ...list.map(of));

/**
 * Of a trace's events: { frames, longest_ms, p99_ms, over_50_ms, main_thread_ms, longest_task_cpu_ms, longest_frame_cpu_ms }.
 * main_thread_ms is the CPU time of all tasks, and that of a frame is the CPU time of all tasks during it. Fails on a trace
 * without a frame, which shows nothing.
 */
export function summary(events) {
  const frames = events.filter(({ name, ph }) => name === 'AnimationFrame' && (ph === 'b' || ph === 'e'));
  const durations = framesOf(frames).map(({ from, to }) => (to - from) / US_PER_MS).sort((a, b) => a - b);
  if (durations.length === 0) throw new Error('the trace has no frame');
  const main = frames[0];
  const tasks = events.filter(({ name, ph, pid, tid }) => name === TASK && ph === 'X' && pid === main.pid && tid === main.tid);
  const cpuMs = tasks.map(cpuOf);
  const frameCpuMs = framesOf(frames).map(({ from, to }) => tasks.filter(({ ts, dur }) => ts < to && ts + dur > from).reduce((sum, task) => sum + cpuOf(task), 0));
  return {
    frames: durations.length,
    longest_ms: tenths(durations.at(-1)),
    p99_ms: tenths(durations[Math.floor(0.99 * (durations.length - 1))]),
    over_50_ms: durations.filter((ms) => ms > LONG_FRAME_MS).length,
    main_thread_ms: tenths(cpuMs.reduce((sum, ms) => sum + ms, 0)),
    longest_task_cpu_ms: tenths(Math.max(0, ...cpuMs)),
    longest_frame_cpu_ms: tenths(Math.max(0, ...frameCpuMs)),
  };
}

// The begin and end of a frame are events with the same id; frames that the trace contains only in part are left out.
function framesOf(events) {
  const begun = new Map();
  const found = [];
  for (const { ph, ts, pid, id2 } of [...events].sort((a, b) => a.ts - b.ts)) {
    const key = `${pid} ${id2.local}`;
    if (ph === 'b') begun.set(key, ts);
    else if (begun.has(key)) {
      found.push({ from: begun.get(key), to: ts });
      begun.delete(key);
    }
  }
  return found;
}

function tenths(value) {
  return Math.round(value * 10) / 10;
}
