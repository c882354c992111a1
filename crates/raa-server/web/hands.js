// Listens to the person's hand: what it does on the page, and what it presses in the list (places.js decides about both).
// Always: a press that was meant for another row reaches nothing.

/** Notes what a person's hand does on the page. */
export function watchHand(main, hand) {
  const note = (event) => hand.note(performance.now(), {
    isInList: main.contains(event.target),
    isMouse: event.pointerType === 'mouse' || event.type === 'keydown',
  });
  for (const event of ['pointermove', 'pointerdown', 'pointerup', 'pointercancel', 'keydown', 'wheel']) {
    addEventListener(event, note, { passive: true, capture: true });
  }
  // A mouse that leaves the window may come back.
  document.documentElement.addEventListener('pointerleave', (event) => hand.note(performance.now(), { isInList: false, isMouse: event.pointerType === 'mouse' }));
}

/** Stops presses that were meant for another row. */
export function watchAim(main, aim, onStray) {
  const lineOf = (event) => event.target.closest?.('.row, .folded, .group > h2') ?? null;
  let isStray = false;
  let place = '';
  main.addEventListener('pointermove', (event) => {
    // Browsers also report a move when something else has come under a pointer that rests.
    const newPlace = `${event.screenX},${event.screenY}`;
    if (event.pointerType === 'mouse' && newPlace !== place) aim.pointer(lineOf(event));
    place = newPlace;
  }, { capture: true, passive: true });
  const stop = (event) => {
    if (event.type === 'pointerdown') {
      isStray = aim.isStray(performance.now(), lineOf(event), { isMouse: event.pointerType === 'mouse' });
      if (isStray) onStray();
    }
    // A click by the keyboard has no place.
    if (!isStray || (event.type === 'click' && event.detail === 0)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  for (const event of ['pointerdown', 'mousedown', 'click', 'dblclick']) main.addEventListener(event, stop, { capture: true });
}
