// What a strip of ten minutes shows, as a person sees it: by the shapes under a point, and not by the page's own data.

/**
 * Runs in the page, for evaluate(): returns the colour of each of a strip's 600 columns, null where nothing is drawn. The newest
 * second is the column 596; it is four columns wide, as every second is.
 */
export function stripColours(strip) {
  const paths = [...strip.querySelectorAll('path')].reverse(); // the one in front first
  const { x, width } = strip.viewBox.baseVal;
  const point = strip.createSVGPoint();
  point.y = 17; // of 22: above the mark of lost packets
  return Array.from({ length: width }, (_, column) => {
    point.x = x + column + 0.5;
    const path = paths.find((one) => one.isPointInFill(point));
    return path ? getComputedStyle(path).fill : null;
  });
}

/** Returns the columns of a strip, from 0 to 599, in which something is drawn. @param {import('playwright-core').Locator} strip */
export async function stripColumns(strip) {
  const colours = await strip.evaluate(stripColours);
  return colours.flatMap((colour, column) => (colour === null ? [] : [column]));
}
