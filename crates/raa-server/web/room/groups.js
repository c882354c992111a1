// What a person does to the room's groups, and the way back.
//
// Always: pure; an act is applied to the newest groups, whoever changed them last, so that no desk loses what another one
// did; an act whose group or computer is no longer where the person saw it gives null and changes nothing; the way back
// takes back this act only.

/**
 * @typedef {{id?: number, name: string, clients: string[]}} Group as in /api/groups; a new one has no id
 * @typedef {(groups: Group[]) => Group[] | null} Change
 * @typedef {object} Act
 * @property {Change} change
 * @property {(before: Group[], after: Group[]) => Change} back gets the groups right before and right after the change
 */

/**
 * @typedef {object} Where one step, or a group (null: none) with a place in it; without a place it is the end
 * @property {-1 | 1} [by]
 * @property {number | null} [to]
 * @property {string | null} [before] the computer that comes after it
 */

/**
 * Moves a computer.
 * @param {string} id @param {Where} where
 * @param {(id: string) => boolean} [isShown] a step passes computers that the page does not show
 * @returns {Act}
 */
export function move(id, where, isShown) {
  return {
    change: (groups) => moved(groups, id, where, isShown),
    back: (before, after) => {
      const [from, to] = [groupOf(before, id), groupOf(after, id)];
      const followers = from ? from.clients.slice(from.clients.indexOf(id) + 1) : [];
      return (groups) => (groupOf(groups, id)?.id === to?.id ? put(groups, id, from ? from.id : null, followers) : null);
    },
  };
}

/** Makes a group of these computers, below the others. @param {string} name @param {string[]} clients @returns {Act} */
export function make(name, clients = []) {
  return {
    change: (groups) => [...without(groups, clients), { name, clients }],
    back: (before, after) => {
      const made = newIn(after, before);
      return (groups) => {
        const group = byId(groups, made?.id);
        if (!group || group.clients.join() !== clients.join()) return null;
        const rest = groups.filter((one) => one !== group);
        return clients.reduce((list, id) => list && move(id, {}).back(before, rest)(list), /** @type {Group[] | null} */ (rest));
      };
    },
  };
}

/** Returns the group that was made between two states. @template {Group} G @param {G[]} after @param {Group[]} before @returns {G | null} */
export function newIn(after, before) {
  return after.find(({ id }) => !byId(before, id)) ?? null;
}

/** Renames a group. @param {number} id @param {string} name @returns {Act} */
export function rename(id, name) {
  /** @param {Group[]} groups @param {string | undefined} wanted */
  const named = (groups, wanted) => groups.map((group) => (group.id === id ? { ...group, name: wanted ?? group.name } : group));
  return {
    change: (groups) => (byId(groups, id) ? named(groups, name) : null),
    back: (before) => (groups) => (byId(groups, id)?.name === name ? named(groups, byId(before, id)?.name) : null),
  };
}

/** Deletes a group; its computers stay, without a group. @param {number} id @returns {Act} */
export function remove(id) {
  return {
    change: (groups) => (byId(groups, id) ? groups.filter((group) => group.id !== id) : null),
    back: (before) => (groups) => {
      const { name, clients } = byId(before, id) ?? { name: '', clients: [] };
      const free = clients.filter((client) => !groupOf(groups, client));
      return insert(groups, { name, clients: free }, before.slice(indexOf(before, id) + 1));
    },
  };
}

/** Moves a group by a step, or to the place of another one; null: to the end. @param {number} id @param {{by?: -1 | 1, to?: number | null}} where @returns {Act} */
export function reorder(id, { by, to }) {
  return {
    change: (groups) => {
      const at = indexOf(groups, id);
      const group = groups[at];
      const wanted = by !== undefined ? at + by : to === null ? groups.length - 1 : indexOf(groups, to);
      if (!group || wanted < 0 || wanted >= groups.length) return by !== undefined && group ? groups : null;
      const rest = groups.filter((one) => one !== group);
      return [...rest.slice(0, wanted), group, ...rest.slice(wanted)];
    },
    back: (before) => (groups) => {
      const group = byId(groups, id);
      return group ? insert(groups.filter((one) => one !== group), group, before.slice(indexOf(before, id) + 1)) : null;
    },
  };
}

/** @template {Group} G @param {G[]} groups @param {number | null | undefined} id */
const byId = (groups, id) => groups.find((group) => group.id === id);
/** @param {Group[]} groups @param {number | undefined} id */
const indexOf = (groups, id) => groups.findIndex((group) => group.id === id);
/** @param {Group[]} groups @param {string} client */
const groupOf = (groups, client) => groups.find(({ clients }) => clients.includes(client));
/** @param {Group[]} groups @param {string[]} ids */
const without = (groups, ids) => groups.map((group) => ({ ...group, clients: group.clients.filter((one) => !ids.includes(one)) }));

/**
 * Puts a group before the first of its former followers that is still there.
 * @param {Group[]} groups @param {Group} group @param {Group[]} followers
 */
function insert(groups, group, followers) {
  const at = followers.map(({ id }) => indexOf(groups, id)).find((index) => index >= 0) ?? groups.length;
  return [...groups.slice(0, at), group, ...groups.slice(at)];
}

/**
 * Puts a computer into a group, before the first of these others that is in it.
 * @param {Group[]} groups @param {string} id @param {number | null | undefined} to @param {string[]} followers
 */
function put(groups, id, to, followers) {
  const rest = without(groups, [id]);
  if (to === null || to === undefined) return rest;
  const group = byId(rest, to);
  if (!group) return null;
  const at = followers.map((one) => group.clients.indexOf(one)).find((index) => index >= 0) ?? group.clients.length;
  return rest.map((one) => (one === group ? { ...one, clients: [...one.clients.slice(0, at), id, ...one.clients.slice(at)] } : one));
}

/** @param {Group[]} groups @param {string} id @param {Where} where @param {(id: string) => boolean} [isShown] */
function moved(groups, id, { by, to = null, before = null }, isShown = () => true) {
  return by === undefined ? put(groups, id, to, before === null ? [] : [before]) : stepped(groups, id, by, isShown);
}

/**
 * Moves a computer past the next one that is shown, else across the border of its group.
 * @param {Group[]} groups @param {string} id @param {-1 | 1} by @param {(id: string) => boolean} isShown
 */
function stepped(groups, id, by, isShown) {
  const from = groups.findIndex(({ clients }) => clients.includes(id));
  if (from < 0) return by < 0 && groups.length ? put(groups, id, groups.at(-1)?.id, []) : groups;
  const { id: group, clients } = groups[from];
  const at = clients.indexOf(id);
  if (by < 0) {
    const other = clients.slice(0, at).filter((one) => isShown(one)).at(-1);
    if (other !== undefined) return put(groups, id, group, [other]);
    return from === 0 ? groups : put(groups, id, groups[from - 1].id, []);
  }
  const after = clients.slice(at + 1);
  const other = after.find((one) => isShown(one));
  if (other !== undefined) return put(groups, id, group, after.slice(after.indexOf(other) + 1));
  return from === groups.length - 1 ? without(groups, [id]) : put(groups, id, groups[from + 1].id, groups[from + 1].clients);
}
