// Moves a computer to another place with the mouse, by its dot. The keyboard has Alt with the arrow keys, and the panel of
// a computer has buttons for it.
//
// Always: a press that is not moved is no drag; a drag that ends outside of the places changes nothing.

const BEGINS_PX = 5;

export class Dragging {
  #box;
  #regroup;
  #drag = null; // { row, x, y, isMoving, target }

  /** @param {HTMLElement} box has the rows @param {(id: string, move: {to: number | null, before: string | null}) => void} regroup */
  constructor(box, regroup) {
    this.#box = box;
    this.#regroup = regroup;
    box.addEventListener('pointerdown', (event) => this.#begin(event));
    box.addEventListener('pointermove', (event) => this.#move(event));
    box.addEventListener('pointerup', () => this.#end(true));
    box.addEventListener('pointercancel', () => this.#end(false));
  }

  #begin(event) {
    const row = event.target.closest('.dot')?.closest('.row');
    if (!row || event.pointerType !== 'mouse' || event.button !== 0) return;
    event.preventDefault();
    this.#drag = { row, x: event.clientX, y: event.clientY, isMoving: false, target: null };
    this.#box.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    drag.isMoving ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > BEGINS_PX;
    if (!drag.isMoving) return;
    drag.row.classList.add('dragged');
    const under = document.elementFromPoint(event.clientX, event.clientY)?.closest('.row, .group') ?? null;
    drag.target?.classList.remove('before');
    drag.target = under !== drag.row && this.#box.contains(under) ? under : null;
    drag.target?.classList.add('before');
  }

  #end(isWanted) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag) return;
    drag.row.classList.remove('dragged');
    drag.target?.classList.remove('before');
    if (!isWanted || !drag.isMoving || !drag.target) return;
    const isRow = drag.target.classList.contains('row');
    const list = isRow ? drag.target.closest('.list') : drag.target.nextElementSibling;
    const group = Number(list?.dataset.section);
    this.#regroup(drag.row.dataset.id, { to: Number.isInteger(group) && group > 0 ? group : null, before: isRow ? drag.target.dataset.id : list?.firstElementChild?.dataset.id ?? null });
  }
}
