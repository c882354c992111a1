// Changing the page cheaply: what hundreds of rows do several times a second.
// Always: what already is as it should be is not touched, since even the same text again costs a layout.

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/** Makes these elements, in this order, all that a list has; moves as few as it can, as a moved one loses its focus. */
export function fill(list, elements) {
  const wanted = new Set(elements);
  for (const element of [...list.children]) if (!wanted.has(element)) element.remove();
  let next = list.firstElementChild;
  for (const element of elements) {
    // The one that is in the way has its turn later.
    if (next && element === next.nextElementSibling) next.remove();
    else if (element !== next) list.insertBefore(element, next);
    next = element.nextElementSibling;
  }
}

/**
 * Gives the latest value on with the next frame, so that many messages are one change; a page that nobody sees has no
 * frames.
 * @param {(value: any) => void} take
 * @param {(run: () => void) => void} nextFrame as requestAnimationFrame
 */
export function oncePerFrame(take, nextFrame = (run) => requestAnimationFrame(run)) {
  let isWaiting = false;
  let latest;
  return (value) => {
    latest = value;
    if (isWaiting) return;
    isWaiting = true;
    nextFrame(() => {
      isWaiting = false;
      take(latest);
    });
  };
}
