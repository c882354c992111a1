// Cheap changes of the page, as hundreds of rows make them several times a second.
// Always: nothing that is right already is touched, since even the same text again costs a layout.

/**
 * Returns an element of index.html.
 * @template {string} Id
 * @param {Id} id
 * @returns {Id extends keyof Raa.Elements ? Raa.Elements[Id] : HTMLElement}
 */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/** @param {Node} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {HTMLElement} element @param {boolean} isHidden */
export function setHidden(element, isHidden) {
  if (element.hasAttribute('hidden') !== isHidden) element.toggleAttribute('hidden', isHidden); // icons have no `hidden`
}

/** @param {Element} element @param {string} name @param {boolean} isOn */
export function setClass(element, name, isOn) {
  if (element.classList.contains(name) !== isOn) element.classList.toggle(name, isOn);
}

/**
 * Returns the content of a template, and its parts by their data-part; texts are in the person's language. The content is an
 * element if the template has only one, else a fragment.
 * @template {keyof Raa.Parts} Id
 * @param {Id} id @param {Raa.Text} text
 * @returns {{element: HTMLElement, parts: Raa.Parts[Id]}}
 */
export function instance(id, text) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const content = document.importNode(template.content, true);
  const element = /** @type {HTMLElement} */ (content.children.length === 1 ? content.firstElementChild : content);
  label(element, text);
  return { element, parts: /** @type {any} */ (partsOf(element)) };
}

/** Returns the elements with a data-part, by its value. @param {ParentNode} element @returns {Record<string, HTMLElement>} */
export function partsOf(element) {
  return Object.fromEntries(elementsWith(element, 'data-part').map((part) => [part.dataset.part, part]));
}

/** Puts the person's language into elements with data-text and data-label. @param {ParentNode} element @param {Raa.Text} text */
export function label(element, text) {
  for (const one of elementsWith(element, 'data-text')) one.textContent = text(String(one.dataset.text)) ?? '';
  for (const one of elementsWith(element, 'data-label')) {
    const words = text(String(one.dataset.label)) ?? '';
    one.setAttribute('aria-label', words);
    if (one.localName === 'button') one.title = words;
  }
}

/** @param {ParentNode} element @param {string} attribute @returns {HTMLElement[]} */
function elementsWith(element, attribute) {
  return [...element.querySelectorAll(`[${attribute}]`)].map((one) => /** @type {HTMLElement} */ (one));
}

/**
 * Returns the nearest element around an event's target, or the target itself, that matches.
 * @param {EventTarget | null} target @param {string} selector
 * @returns {HTMLElement | null}
 */
export function around(target, selector) {
  return target instanceof Element ? target.closest(selector) : null;
}

const SVG = 'http://www.w3.org/2000/svg';

/** Returns one of the icons of index.html. @param {string} name @param {string} [className] */
export function icon(name, className = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon-shape ${className}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Returns an element with a class and content.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} [className] @param {(Node | string)[]} content
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, className = '', ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/**
 * Makes a list contain exactly these elements in this order; moves as few as it can, since a moved one loses the focus.
 * @param {Element} list @param {Element[]} elements
 */
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
 * @template [Value=void]
 * @param {(value: Value) => void} take
 * @param {(run: () => void) => void} nextFrame as requestAnimationFrame
 * @returns {(value: Value) => void}
 */
export function oncePerFrame(take, nextFrame = (run) => requestAnimationFrame(run)) {
  let isWaiting = false;
  /** @type {Value} */
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

/**
 * Calls with the next frame, or as soon as nobody can see the page: a hidden page has no frames, also none that it was waiting
 * for, and its timers wait for a second, so that its title would come too late.
 * @param {() => void} run
 */
export function frameOrHidden(run) {
  if (document.hidden) {
    queueMicrotask(run);
    return;
  }
  const once = () => {
    cancelAnimationFrame(frame);
    document.removeEventListener('visibilitychange', once);
    run();
  };
  const frame = requestAnimationFrame(once);
  document.addEventListener('visibilitychange', once);
}
