// Cheap changes of the page, as hundreds of rows make them several times a second.
// Always: nothing that is right already is touched, since even the same text again costs a layout.

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/** Makes a list contain exactly these elements in this order; moves as few as it can, since a moved one loses the focus. */
export function fill(list, elements) {
  const wanted = new Set(elements);
  for (const element of [...list.children]) if (!wanted.has(element)) element.remove();
  let next = list.firstElementChild;
  for (const element of elements) {
    // The element in the way is inserted again later.
    if (next && element === next.nextElementSibling) next.remove();
    else if (element !== next) list.insertBefore(element, next);
    next = element.nextElementSibling;
  }
}

/**
 * Passes the latest value on with the next animation frame, so that many messages make one change. A page that nobody
 * can see has no frames.
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
