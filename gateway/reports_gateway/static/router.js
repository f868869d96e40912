/** Deep links: `#/batches`, `#/batches/ID`, `#/reports/ID`, `#/upload`. */

/**
 * @typedef {{section: string, id: string | null, parameters: URLSearchParams}} Route
 */

/** @returns {Route} */
export function route() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [section, id] = path.split("/");
  return { section: section || "batches", id: id ? decoded(id) : null, parameters: new URLSearchParams(search) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const batchLink = (id) => `#/batches/${encodeURIComponent(id)}`;
export const reportLink = (id) => `#/reports/${encodeURIComponent(id)}`;

export function go(hash) {
  location.hash = hash;
}

/** Change the parameters of this link without a new entry of the history. */
export function replaceParameters(parameters) {
  const [path] = location.hash.split("?");
  const search = parameters.toString();
  history.replaceState(null, "", `${path || "#/batches"}${search ? `?${search}` : ""}`);
}
